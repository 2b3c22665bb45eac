"""The zones of the platform's record."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables, version
from storage.platform.snapshot import ZoneEntry


class UnknownZone(Exception):
    """No such zone is recorded."""

    def __init__(self, zone: str) -> None:
        super().__init__(f"zone {zone} is unknown")
        self.zone = zone


class InvalidZone(ValueError):
    """The zone does not fit in the topology; the message says why."""


class Topology:
    """Zones in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record(self, zones: Sequence[ZoneEntry]) -> bool:
        """Add or change `zones`, each after its parent; True if anything changed.

        Zones that are not named stay: their tenants and keys may still refer to them.

        Raises:
            UnknownZone: a parent is neither recorded nor earlier in `zones`.
            InvalidZone: a tier that is not its parent's plus one, or tier 1 with a parent.
        """
        async with self._engine.begin() as connection:
            await version.lock(connection)
            known = {entry.name: entry for entry in await all_zones(connection)}
            before = dict(known)
            for zone in zones:
                _check(zone, known)
                if known.get(zone.name) == zone:
                    continue
                known[zone.name] = zone
                row = {"tier": zone.tier, "parent": zone.parent}
                await connection.execute(
                    insert(tables.zones)
                    .values(name=zone.name, **row)
                    .on_conflict_do_update(index_elements=["name"], set_=row)
                )
            if known == before:
                return False
            await version.bump(connection)
            return True

    async def list(self) -> list[ZoneEntry]:
        """Return all zones, HQ first, then by tier and name."""
        async with self._engine.connect() as connection:
            return await all_zones(connection)


async def all_zones(connection: AsyncConnection) -> list[ZoneEntry]:
    """Read all zones in the caller's transaction, by tier and name."""
    found = await connection.execute(
        select(tables.zones).order_by(tables.zones.c.tier, tables.zones.c.name)
    )
    return [ZoneEntry(name=row.name, tier=row.tier, parent=row.parent) for row in found]


def _check(zone: ZoneEntry, known: dict[str, ZoneEntry]) -> None:
    if zone.parent is None:
        if zone.tier != 1:
            raise InvalidZone(f"zone {zone.name} of tier {zone.tier} needs a parent")
        return
    parent = known.get(zone.parent)
    if parent is None:
        raise UnknownZone(zone.parent)
    if zone.tier != parent.tier + 1 or zone.tier > 3:
        raise InvalidZone(f"zone {zone.name} of tier {zone.tier} cannot be below {parent.name}")
