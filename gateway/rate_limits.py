"""How many calls a second a tenant and a key may make in this zone."""

import math
import time

from gateway.authorization import PLATFORM
from gateway.keyring import Caller, KeyRing
from gateway.refusal import Refusal


class RateExceeded(Refusal):
    """More calls than the tenant or its key may make."""


class TokenBucket:
    """Holds up to `size` tokens and gains `per_s` of them a second; times in seconds."""

    __slots__ = ("_at", "_size", "_tokens", "per_s")

    def __init__(self, *, per_s: float, size: float, now: float) -> None:
        self.per_s = per_s
        self._size = size
        self._tokens = size
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until there is a whole token; 0 when there is one. Takes none."""
        tokens = self._tokens
        if now > self._at:
            tokens += (now - self._at) * self.per_s
            self._tokens = tokens = tokens if tokens < self._size else self._size
            self._at = now
        return 0.0 if tokens >= 1 else (1 - tokens) / self.per_s

    def take(self) -> None:
        """Take a token that `wait_s` has found."""
        self._tokens -= 1


class RateLimits:
    """A bucket a tenant and one a key; there are as many as tenants and keys that call.

    Limits are those of the zone's snapshot, `tenant_per_s` and `key_per_s` where it has none.
    """

    def __init__(self, *, tenant_per_s: float, key_per_s: float, burst_s: float) -> None:
        self._tenant_per_s = tenant_per_s
        self._key_per_s = key_per_s
        self._burst_s = burst_s
        self._tenants: dict[str, TokenBucket] = {}
        self._keys: dict[str, TokenBucket] = {}

    def take(
        self, *, caller: Caller, tenant: str | None, ring: KeyRing, now: float | None = None
    ) -> None:
        """Count one call by `caller` for `tenant`; `now` is a monotonic clock's, in seconds.

        A refused call costs neither bucket anything. What a zone brings for a tenant counts for
        the zone's key only: those readings were counted, and acknowledged, where they came in.

        Raises:
            RateExceeded: one of the two is empty.
        """
        now = time.monotonic() if now is None else now
        per_s = caller.calls_per_s or self._key_per_s
        key = self._keys.get(caller.key_id)
        if key is None or key.per_s != per_s:
            key = self._keys[caller.key_id] = self._bucket(per_s, now)
        if (wait_s := key.wait_s(now)) > 0:
            raise _exceeded("key", per_s, wait_s)
        if tenant is not None and tenant != PLATFORM and not caller.is_zone:
            entry = ring.tenants.get(tenant)
            per_s = (entry.calls_per_s if entry else None) or self._tenant_per_s
            shared = self._tenants.get(tenant)
            if shared is None or shared.per_s != per_s:
                shared = self._tenants[tenant] = self._bucket(per_s, now)
            if (wait_s := shared.wait_s(now)) > 0:
                raise _exceeded("tenant", per_s, wait_s)
            shared.take()
        key.take()

    def _bucket(self, per_s: float, now: float) -> TokenBucket:
        return TokenBucket(per_s=per_s, size=max(1.0, per_s * self._burst_s), now=now)


def _exceeded(kind: str, per_s: float, wait_s: float) -> RateExceeded:
    return RateExceeded(
        f"this {kind} may make {per_s:g} calls a second",
        members={"limit": kind, "calls_per_s": per_s},
        retry_after_s=max(1, math.ceil(wait_s)),
    )
