"""Edits of headquarters in a zone's Redis: taken once each, where their blocks are."""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.connection import HotConnection
from storage.hot.keys import (
    edit_position_key,
    edits_key,
    places_epoch_key,
    watermark_key,
)
from storage.hot.library import BRING_DOWN
from storage.hot.packed import Packed, pack_events, pack_runs
from storage.hot.packing import cell_order
from storage.hot.places import SeriesPlaces
from storage.hot.store import RedisHotStore
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.payload import Batch, decode_payload
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded

_NOTHING: Final = Packed("", [], b"", b"")


class EditPosition(NamedTuple):
    """The last edit that was taken: the edge that stamped it, and its sequence; empty for none."""

    edge: str = ""
    sequence: int = 0


class HotEdits:
    """One tenant's edits in this zone. An edit is an entry that headquarters stamped.

    What an edit is about is written where the zone has the block; what it does not have it reads
    from below with the edit in it. Zones that are `relaying` validate again and keep edits for
    the zones beneath them.
    """

    def __init__(
        self,
        connection: HotConnection,
        store: RedisHotStore,
        *,
        slug: str,
        relaying: bool,
        limits: tuple[int, int],
    ) -> None:
        """`limits` in bytes: of what waits for validation, and of what the tenant has in memory."""
        self._connection = connection
        self._store = store
        self._slug = slug
        self._relaying = relaying
        self._limits = limits
        self._places = SeriesPlaces(connection, slug=slug)

    async def position(self) -> EditPosition:
        """How far edits have been taken here.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        held = cast(bytes | None, await self._connection.call("GET", edit_position_key(self._slug)))
        edge, _, sequence = (held or b"").decode().rpartition(" ")
        return EditPosition(edge, int(sequence or 0))

    async def take(self, entries: Sequence[UplinkEntry]) -> EditPosition:
        """Take edits in their order, each in one step and once; return how far that is.

        Raises:
            PayloadUnreadable, RegisterRefused: an entry cannot be taken; those before it were.
            StoreFull, StoreUnavailable: as above; taking all of them again is harmless.
        """
        for entry in entries:
            batch = decode_payload(entry.payload)
            absent = await self._absent(batch)
            await self._places.keep_to(partial(self._bring, entry, batch, absent))
        return await self.position()

    async def after(self, edge: str, sequence: int, *, limit: int) -> list[UplinkEntry]:
        """Up to `limit` edits after that of the stamp, as a zone beneath this one asks for them.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        held = await self.position()
        start = f"({sequence}-0" if edge == held.edge else "-"
        rows = cast(
            list[tuple[bytes, list[bytes]]],
            await self._connection.call(
                "XRANGE", edits_key(self._slug), start, "+", "COUNT", limit
            ),
        )
        return [
            UplinkEntry(fields[1].decode(), int(stream_id.partition(b"-")[0]), b"", fields[3])
            for stream_id, fields in rows
            if fields[1].decode() == held.edge
        ]

    async def _absent(self, batch: Batch) -> NDArray[np.bool_]:
        """The readings of the batch whose block is not here, (N,)."""
        if not isinstance(batch, RunBatch):
            columns = zip(
                batch.event_meter.tolist(),
                batch.event_register.tolist(),
                batch.event_day.tolist(),
                batch.event_interval_s.tolist(),
                strict=True,
            )
            of_events = [
                EventKey(batch.meters[meter], batch.registers[register], day, length)
                for meter, register, day, length in columns
            ]
            events = await self._store.read_events(list(dict.fromkeys(of_events)))
            return np.array([key not in events for key in of_events], dtype=np.bool_)
        columns = zip(
            batch.run_meter.tolist(),
            batch.run_register.tolist(),
            (batch.run_start // DAY_S).tolist(),
            batch.run_interval_s.tolist(),
            strict=True,
        )
        keys = [
            BlockKey(batch.meters[meter], batch.registers[register], day, length)
            for meter, register, day, length in columns
        ]
        blocks = await self._store.read(list(dict.fromkeys(keys)))
        return np.repeat([key not in blocks for key in keys], batch.run_length)

    async def _bring(self, entry: UplinkEntry, batch: Batch, absent: NDArray[np.bool_]) -> None:
        packed, token = _NOTHING, b""
        excluded = absent
        if not absent.all() and isinstance(batch, RunBatch):
            placed = await self._places.of_batch(batch)
            places, token = placed.places, placed.token
            order = cell_order(batch, places)
            if order is not None:
                batch, was = batch.reordered(order)
                places, excluded = places[order], absent[was]
            packed = pack_runs(self._slug, batch, places, excluded)
        elif not absent.all() and not isinstance(batch, RunBatch):
            packed = pack_events(self._slug, batch, excluded)
        shared = (
            edit_position_key(self._slug),
            places_epoch_key(self._slug),
            watermark_key(self._slug),
            edits_key(self._slug),
        )
        arguments = (
            *self._limits,
            token,
            entry.edge,
            entry.sequence,
            pack_excluded(excluded),
            *packed.arguments,
            batch.encode(),
            1 if self._relaying else 0,
        )
        count = len(shared) + len(packed.keys)
        await self._connection.call("FCALL", BRING_DOWN, count, shared, packed.keys, arguments)
