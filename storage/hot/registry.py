"""A tenant's meters as the zone last pulled them from its parent, for work without it."""

from collections.abc import Sequence
from typing import Final, cast

from storage.hot.command import Argument
from storage.hot.connection import HotConnection
from storage.hot.keys import (
    meters_incarnation_key,
    meters_key,
    meters_taken_key,
    meters_version_key,
)
from storage.hot.library import REGISTRY_APPLY
from storage.model.meter import Meter, RegistryPosition, decode_meter, encode_meter

_PAGE: Final = 1000


class MeterRegistry:
    """Durable copy of a tenant's registry in the zone's Redis, as the tenant's user."""

    def __init__(self, connection: HotConnection, *, slug: str) -> None:
        """The copy is empty, version 0, until the first `apply`."""
        self._connection = connection
        self._slug = slug

    async def position(self) -> RegistryPosition:
        """Incarnation and version of the registry that is held; zeros for none."""
        names = [meters_incarnation_key(self._slug), meters_version_key(self._slug)]
        reply = await self._connection.call("MGET", names)
        return RegistryPosition(*(int(part or 0) for part in cast(list[bytes | None], reply)))

    async def apply(
        self, changes: Sequence[Meter], *, after: int, to: RegistryPosition, complete: bool = True
    ) -> RegistryPosition:
        """Take in `changes` in one durable step; return the position held.

        `changes` are all changes after version `after` up to `to`; what was taken before, or
        leaves a hole, changes nothing. Those of a newer incarnation begin after 0, and count once
        the last of them, `complete`, is in, in place of all that was held; until then the
        position returned is what has been taken.

        Raises:
            StoreFull, StoreUnavailable: as `HotConnection.call`; repeating is harmless.
        """
        records: list[Argument] = []
        for meter in changes:
            records += (meter.meter_id, encode_meter(meter))
        keys = (
            meters_key(self._slug, to.incarnation),
            meters_version_key(self._slug),
            meters_incarnation_key(self._slug),
            meters_taken_key(self._slug),
        )
        page = (to.incarnation, after, to.version, int(complete))
        reply = await self._connection.call("FCALL", REGISTRY_APPLY, len(keys), keys, page, records)
        return RegistryPosition(*cast(list[int], reply))

    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]:
        """Every meter by id, at least as new as the position returned with them."""
        position = await self.position()
        meters: dict[str, Meter] = {}
        cursor = b"0"
        while True:
            reply = await self._connection.call(
                "HSCAN", meters_key(self._slug, position.incarnation), cursor, "COUNT", _PAGE
            )
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for record in flat[1::2]:
                meter = decode_meter(record)
                meters[meter.meter_id] = meter
            if cursor == b"0":
                return position, meters
