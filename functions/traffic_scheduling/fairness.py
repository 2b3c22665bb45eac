"""Whose turn it is on the link: one batch a tenant, round after round."""

from collections.abc import Collection


class RoundRobin:
    """Remembers who was served last; tenants may come and go between turns."""

    def __init__(self) -> None:
        self._last = ""

    def next(self, ready: Collection[str]) -> str:
        """Return who of `ready` (not empty) comes after the last one served, by name, in a ring."""
        behind = [tenant for tenant in ready if tenant > self._last]
        self._last = min(behind or ready)
        return self._last
