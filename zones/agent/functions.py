"""Which functions this zone runs, and for whom."""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import Snapshot
from zones.agent.resolved import Resolved


class UnknownFunction(Exception):
    """No function of that name exists in any tier."""


class NotInThisTier(Exception):
    """The function exists, and not here; names the tiers that have it."""


class ZoneFunctions:
    """The catalogue as a zone of `tier` sees it."""

    def __init__(self, catalogue: Mapping[str, FunctionSpec], *, tier: int) -> None:
        self._catalogue = catalogue
        self._tier = tier
        self._minimum = [e for e in catalogue.values() if e.min > 0 and tier in e.tiers]
        self.listing = msgspec.json.encode({"functions": list(catalogue.values())})
        """Every function, also those of other tiers, as JSON; it is asked for again and again."""
        self.mark = f'"{sha256(self.listing).hexdigest()[:32]}"'
        """Names this listing, as an entity tag does."""

    def here(self, name: str) -> Resolved:
        """Return a function that this tier runs.

        Raises:
            UnknownFunction: no tier runs it.
            NotInThisTier: other tiers do.
        """
        entry = self._catalogue.get(name)
        if entry is None:
            raise UnknownFunction(f"no function {name!r}")
        if self._tier not in entry.tiers:
            tiers = ", ".join(map(str, entry.tiers))
            raise NotInThisTier(f"{name} runs in tier {tiers}, not in tier {self._tier}")
        return Resolved(spec=entry)

    def always_up(self, snapshot: Snapshot | None) -> list[tuple[str | None, Resolved]]:
        """List (tenant, function) of every group with a minimum; None is the platform's own."""
        groups: list[tuple[str | None, Resolved]] = []
        for entry in self._minimum if snapshot is not None else ():
            if entry.owner == "platform":
                groups.append((None, Resolved(spec=entry)))
            elif snapshot is not None:
                served = snapshot.served(snapshot.zone)
                groups.extend(
                    (tenant.slug, Resolved(spec=entry))
                    for tenant in snapshot.tenants
                    if not tenant.leaving or tenant.slug in served
                )
        return groups
