"""How many calls a second a tenant and a key may make."""

import math
import time

from gateway.refusal import Refusal


class RateExceeded(Refusal):
    """More calls than the tenant or its key may make."""


class TokenBucket:
    """Holds up to `size` tokens and gains `per_s` of them a second; times in seconds."""

    __slots__ = ("_at", "_per_s", "_size", "_tokens")

    def __init__(self, *, per_s: float, size: float, now: float) -> None:
        self._per_s = per_s
        self._size = size
        self._tokens = size
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until there is a whole token; 0 when there is one. Takes none."""
        if now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._per_s)
            self._at = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._per_s

    def take(self) -> None:
        """Take a token that `wait_s` has found."""
        self._tokens -= 1


class RateLimits:
    """A bucket a tenant and one a key; there are as many as tenants and keys that call."""

    def __init__(self, *, tenant_per_s: float, key_per_s: float, burst_s: float) -> None:
        self._rates = {"tenant": tenant_per_s, "key": key_per_s}
        self._burst_s = burst_s
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    def take(self, *, tenant: str, key_id: str, now: float | None = None) -> None:
        """Count one call of a tenant by a key; `now` is a monotonic clock's, in seconds.

        A refused call costs neither bucket anything.

        Raises:
            RateExceeded: one of the two is empty.
        """
        now = time.monotonic() if now is None else now
        buckets = [self._bucket("tenant", tenant, now), self._bucket("key", key_id, now)]
        for kind, bucket in zip(self._rates, buckets, strict=True):
            if (wait_s := bucket.wait_s(now)) > 0:
                raise RateExceeded(
                    f"this {kind} may make {self._rates[kind]:g} calls a second",
                    members={"limit": kind, "calls_per_s": self._rates[kind]},
                    retry_after_s=max(1, math.ceil(wait_s)),
                )
        for bucket in buckets:
            bucket.take()

    def _bucket(self, kind: str, name: str, now: float) -> TokenBucket:
        bucket = self._buckets.get((kind, name))
        if bucket is None:
            per_s = self._rates[kind]
            bucket = TokenBucket(per_s=per_s, size=max(1.0, per_s * self._burst_s), now=now)
            self._buckets[kind, name] = bucket
        return bucket
