"""A tenant's meters as the zone last pulled them from its parent, for work without it."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, cast

from storage.hot.command import Argument
from storage.hot.connection import HotConnection
from storage.hot.keys import registry_key, registry_records_key, registry_shapes_key
from storage.hot.library import REGISTRY_FORGET, REGISTRY_PAGE
from storage.hot.meter_record import MeterRecords, UnknownShape
from storage.hot.registry_before import RegistryBefore
from storage.hot.registry_indexes import METERS_A_LOOKUP, Changes, RegistryIndexes
from storage.model.meter import Meter, RegistryPosition

FORGET_AFTER_S: Final = 60
"""A worker hears within a few seconds that an incarnation is over."""
_KEYS_A_STEP: Final = 500
METERS_A_STEP: Final = 250
"""So many are written at once: the store answers nobody else meanwhile."""


class MeterRegistry:
    """Durable copy of a tenant's registry in the zone's Redis, as the tenant's user."""

    def __init__(
        self, connection: HotConnection, *, slug: str, forget_after_s: int = FORGET_AFTER_S
    ) -> None:
        """The copy is empty, version 0, until the first `apply`.

        What an incarnation took up is given back once it has been over for `forget_after_s`.
        """
        self._connection = connection
        self._slug = slug
        self._records = MeterRecords()
        self.indexes: Final = RegistryIndexes(connection, self, slug=slug)
        self._laying = asyncio.Lock()
        self._forget_after_s = forget_after_s

    async def position(self) -> RegistryPosition:
        """Incarnation and version of the registry that is held; zeros for none.

        A copy that was laid out without indexes is laid out anew first, and of one that is over
        a piece is given back.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        held = await self._head()
        if held is None:
            async with self._laying:
                held = await self._head() or await self._lay_out_anew()
        return held

    async def taken(self) -> RegistryPosition | None:
        """How far a newer incarnation has been taken that is not whole yet; None without one.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        key = registry_key(self._slug)
        reply = await self._connection.call("HMGET", key, "i", "ti", "tv")
        held, incarnation, version = (int(part or 0) for part in cast(list[bytes | None], reply))
        return RegistryPosition(incarnation, version) if incarnation > held else None

    async def count(self, incarnation: int) -> int:
        """How many meters an incarnation of the registry has here."""
        key = registry_records_key(self._slug, incarnation)
        return cast(int, await self._connection.call("HLEN", key))

    async def apply(
        self, changes: Sequence[Meter], *, after: int, to: RegistryPosition, complete: bool = True
    ) -> RegistryPosition:
        """Take in `changes`, in durable steps; return the position held.

        `changes` are all changes after version `after` up to `to`; what was taken before, or
        leaves a hole, changes nothing. Those of a newer incarnation begin after 0, and count once
        the last of them, `complete`, is in, in place of all that was held; until then the
        position returned is what has been taken. Those of the first one count as they come.

        Raises:
            StoreFull, StoreUnavailable: as `HotConnection.call`; repeating is harmless.
        """
        steps = list(_steps(changes, up_to=to.version))
        held = RegistryPosition(0, 0)
        for some, version in steps[:-1]:
            position = RegistryPosition(to.incarnation, version)
            held = await self._write(some, after=after, to=position, kind="more")
            if held < position:
                return held
            after = version
        some = steps[-1][0] if steps else []
        return await self._write(some, after=after, to=to, kind="last" if complete else "more")

    async def changes(self, *, after: int, limit: int) -> Changes:
        """See `RegistryIndexes.changes`."""
        return await self.indexes.changes(after=after, limit=limit)

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        """See `RegistryIndexes.page`."""
        return await self.indexes.page(after=after, limit=limit)

    async def some(self, meter_ids: Sequence[str], *, incarnation: int) -> dict[str, Meter]:
        """Those of the meters that an incarnation of the registry has, by id.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        found: dict[str, Meter] = {}
        key = registry_records_key(self._slug, incarnation)
        for begin in range(0, len(meter_ids), METERS_A_LOOKUP):
            names = meter_ids[begin : begin + METERS_A_LOOKUP]
            reply = cast(list[bytes | None], await self._connection.call("HMGET", key, names))
            held = [(name, record) for name, record in zip(names, reply, strict=True) if record]
            meters = await self.decoded(
                [name for name, _ in held], [record for _, record in held], incarnation
            )
            found.update((meter.meter_id, meter) for meter in meters)
        return found

    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]:
        """Every meter by id, at least as new as the position returned with them."""
        position = await self.position()
        meters: dict[str, Meter] = {}
        cursor = b"0"
        while True:
            reply = await self._connection.call(
                "HSCAN",
                registry_records_key(self._slug, position.incarnation),
                cursor,
                "COUNT",
                METERS_A_LOOKUP,
            )
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for meter in await self.decoded_pairs(flat, position.incarnation):
                meters[meter.meter_id] = meter
            if cursor == b"0":
                return position, meters

    async def decoded_pairs(self, flat: Sequence[bytes], incarnation: int) -> list[Meter]:
        """The meters of ids and records in turn.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        names = [name.decode() for name in flat[::2]]
        return await self.decoded(names, flat[1::2], incarnation)

    async def decoded(
        self, names: Sequence[str], records: Sequence[bytes], incarnation: int
    ) -> list[Meter]:
        """The meters of records of an incarnation.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        try:
            return self._records.decode(names, records)
        except UnknownShape as error:
            key = registry_shapes_key(self._slug, incarnation)
            reply = await self._connection.call("HMGET", key, error.names)
            texts = zip(error.names, cast(list[bytes], reply), strict=True)
            self._records.learn(dict(texts))
            return self._records.decode(names, records)

    async def _head(self) -> RegistryPosition | None:
        key = registry_key(self._slug)
        reply = await self._connection.call("HMGET", key, "i", "v", "over")
        incarnation, version, over = cast(list[bytes | None], reply)
        if over is not None:
            limits = self._forget_after_s, _KEYS_A_STEP
            await self._connection.call("FCALL", REGISTRY_FORGET, 1, key, limits)
        return None if version is None else RegistryPosition(int(incarnation or 0), int(version))

    async def _write(
        self, some: Sequence[Meter], *, after: int, to: RegistryPosition, kind: str
    ) -> RegistryPosition:
        shapes: dict[bytes, bytes] = {}
        records: list[Argument] = []
        # Of a meter that comes twice the newest counts.
        newest = {meter.meter_id: meter for meter in some}
        for meter_id in sorted(newest):
            records += (meter_id, self._records.encode(newest[meter_id], shapes))
        texts: list[Argument] = [part for shape in shapes.items() for part in shape]
        page = (to.incarnation, after, to.version, kind, len(shapes))
        reply = await self._connection.call(
            "FCALL", REGISTRY_PAGE, 1, registry_key(self._slug), page, texts, records
        )
        return RegistryPosition(*cast(list[int], reply))

    async def _lay_out_anew(self) -> RegistryPosition:
        before = RegistryBefore(self._connection, slug=self._slug)
        position = await before.position()
        if position is None:
            return RegistryPosition(0, 0)
        async for meters in before.pages():
            for some, _ in _steps(meters, up_to=0):
                await self._write(some, after=0, to=position, kind="laid")
        held = await self._write([], after=0, to=position, kind="whole")
        await before.forget()
        return held


def _steps(changes: Sequence[Meter], *, up_to: int) -> Iterator[tuple[list[Meter], int]]:
    """Changes in the order of their versions, a bounded number at once, each with its last version.

    What has one version is not torn apart.
    """
    some: list[Meter] = []
    by_version = attrgetter("version")
    for _, meters in groupby(sorted(changes, key=by_version), key=by_version):
        if len(some) >= METERS_A_STEP:
            yield some, min(some[-1].version, up_to)
            some = []
        some += meters
    if some:
        yield some, up_to
