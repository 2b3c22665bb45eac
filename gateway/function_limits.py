"""How many calls a second, and how many at a time, a tenant's function takes in this zone."""

import math
import time

from gateway.rate_limits import RateExceeded, TokenBucket
from gateway.refusal import Refusal
from storage.platform.functions.spec import FunctionSpec


class TooManyAtOnce(Refusal):
    """As many calls of this tenant's function are under way as may be."""


class Allowance:
    """What one tenant's calls of one function may still do; `leave` after each `enter`."""

    __slots__ = ("_bucket", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self._bucket: TokenBucket | None = None

    def enter(self, spec: FunctionSpec, *, now: float, burst_s: float) -> None:
        """Count a call that begins `now` (monotonic, seconds); `spec` may be another version.

        Raises:
            TooManyAtOnce, RateExceeded: it may not begin, and is not counted.
        """
        most = spec.max_concurrency
        if most is not None and self.under_way >= most:
            raise TooManyAtOnce(
                f"{spec.name} takes {most} calls at a time",
                members={"limit": "max_concurrency", "max_concurrency": most},
                retry_after_s=1,
            )
        per_s = spec.rate_per_s
        if per_s is not None:
            bucket = self._bucket
            if bucket is None or bucket.per_s != per_s:
                size = max(1.0, per_s * burst_s)
                bucket = self._bucket = TokenBucket(per_s=per_s, size=size, now=now)
            if (wait_s := bucket.wait_s(now)) > 0:
                raise RateExceeded(
                    f"{spec.name} takes {per_s:g} calls a second",
                    members={"limit": "rate_per_s", "rate_per_s": per_s},
                    retry_after_s=max(1, math.ceil(wait_s)),
                )
            bucket.take()
        self.under_way += 1

    def leave(self) -> None:
        """Count off a call that has ended."""
        self.under_way -= 1


class FunctionLimits:
    """An allowance for each tenant and function, made when first asked for."""

    def __init__(self, *, burst_s: float) -> None:
        self._burst_s = burst_s
        self._allowances: dict[tuple[str, str], Allowance] = {}

    def enter(self, *, tenant: str, spec: FunctionSpec) -> Allowance | None:
        """Count a call of a tenant's function; None where its spec limits neither.

        Raises:
            TooManyAtOnce, RateExceeded: it may not begin.
        """
        if spec.rate_per_s is None and spec.max_concurrency is None:
            return None
        allowance = self._allowances.get((tenant, spec.name))
        if allowance is None:
            allowance = self._allowances[tenant, spec.name] = Allowance()
        allowance.enter(spec, now=time.monotonic(), burst_s=self._burst_s)
        return allowance
