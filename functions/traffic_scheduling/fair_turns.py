"""Whose turn it is among tenants: start-time fair queueing by weight, in bytes on the link.

Goyal, Vin, Cheng: Start-time Fair Queueing (1996). A turn has a start tag, the larger of the
virtual time and the tenant's last finish tag; the smallest goes first and is the virtual time then.
Its finish tag is its start tag and its bytes by weight. Two tenants that both have something
waiting all the time are never further apart than one batch of each, by weight.
"""

from collections.abc import Mapping


class FairTurns:
    """Remembers what each tenant had; tenants may come and go between turns."""

    def __init__(self) -> None:
        self._now = 0.0
        self._finish: dict[str, float] = {}

    def next(self, ready: Mapping[str, float]) -> str:
        """Return who of `ready` (weights by tenant, not empty) goes first; a tie goes by name.

        Who had nothing waiting for a while has no claim on what it did not use.
        """
        start, tenant = min((max(self._now, self._finish.get(one, 0.0)), one) for one in ready)
        self._now = start
        self._finish = {one: tag for one, tag in self._finish.items() if tag > start}
        return tenant

    def charge(self, tenant: str, *, size: int, weight: float) -> None:
        """Note that the turn of `tenant` took `size` bytes."""
        self._finish[tenant] = max(self._now, self._finish.get(tenant, 0.0)) + size / weight
