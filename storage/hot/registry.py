"""A tenant's meters as the zone last pulled them from its parent, for work without it."""

from collections.abc import Sequence
from typing import Final, cast

from storage.hot.connection import Argument, HotConnection
from storage.hot.keys import meters_key, meters_version_key
from storage.hot.library import REGISTRY_APPLY
from storage.model.meter import Meter, decode_meter, encode_meter

_PAGE: Final = 1000


class MeterRegistry:
    """Durable copy of a tenant's registry in the zone's Redis, as the tenant's user."""

    def __init__(self, connection: HotConnection, *, slug: str) -> None:
        """The copy is empty, version 0, until the first `apply`."""
        self._connection = connection
        self._slug = slug

    async def version(self) -> int:
        """Version of the registry that is held; 0 for none."""
        return _number(await self._connection.call("GET", meters_version_key(self._slug)))

    async def apply(self, changes: Sequence[Meter], *, version: int) -> int:
        """Take in `changes` in one durable step and move to `version`; return the version held.

        `changes` must be all changes after the held version up to `version`: at or below the
        held one they were taken before, and nothing happens.

        Raises:
            StoreFull, StoreUnavailable: as `HotConnection.call`; repeating is harmless.
        """
        records: list[Argument] = []
        for meter in changes:
            records += (meter.meter_id, encode_meter(meter))
        keys = (meters_key(self._slug), meters_version_key(self._slug))
        reply = await self._connection.call(
            "FCALL", REGISTRY_APPLY, len(keys), keys, version, records
        )
        return _number(reply)

    async def load_all(self) -> tuple[int, dict[str, Meter]]:
        """Every meter by id, at least as new as the version returned with them."""
        version = await self.version()
        meters: dict[str, Meter] = {}
        cursor = b"0"
        while True:
            reply = await self._connection.call(
                "HSCAN", meters_key(self._slug), cursor, "COUNT", _PAGE
            )
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for record in flat[1::2]:
                meter = decode_meter(record)
                meters[meter.meter_id] = meter
            if cursor == b"0":
                return version, meters


def _number(reply: object) -> int:
    return int(cast(bytes | int | None, reply) or 0)
