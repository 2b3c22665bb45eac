"""Whose turn it is: tenants that have something due, one after the other in a ring."""

from collections.abc import Callable


class Turns:
    """Remembers when each tenant's next call is due, on the caller's clock, and who was last."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}
        self._last = ""

    def know(self, tenant: str) -> None:
        """Look at a tenant that may be new."""
        self._due_s.setdefault(tenant, 0.0)

    def due(self, tenant: str, *, at_s: float) -> None:
        """Remember when the tenant is to be looked at next."""
        self._due_s[tenant] = at_s

    def next(self, *, now_s: float, busy: Callable[[str], bool]) -> str | None:
        """Return who comes after the last one among those that are due and not `busy`."""
        ready = [name for name, at_s in self._due_s.items() if at_s <= now_s and not busy(name)]
        if not ready:
            return None
        self._last = min((name for name in ready if name > self._last), default=min(ready))
        return self._last

    def next_s(self, *, now_s: float, at_most_s: float) -> float:
        """Seconds until somebody is due, at least a few milliseconds."""
        soonest_s = min((at_s - now_s for at_s in self._due_s.values()), default=at_most_s)
        return min(max(soonest_s, 0.005), at_most_s)
