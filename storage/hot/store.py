"""A tenant's readings in the zone's Redis: accepted, relayed and read through the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.blocks import Blocks, HotBlocks
from storage.hot.cells import HotCells
from storage.hot.command import Argument
from storage.hot.connection import RETRY_AFTER_S, HotConnection, PlacesMoved
from storage.hot.joined_packing import joined, pack_joined
from storage.hot.keys import (
    epoch_key,
    event_block_key,
    hot_bytes_key,
    places_epoch_key,
    sequence_key,
    watermark_key,
)
from storage.hot.library import ACCEPT, READ_EVENTS, RELAY
from storage.hot.packed import Packed, pack_events, pack_runs
from storage.hot.packing import cell_order
from storage.hot.places import SeriesPlaces
from storage.hot.relayed import (
    CALL_BYTES,
    CALL_PLACES,
    Relayed,
    excluded_of,
    in_calls,
    joined_excluded,
    queue_of,
)
from storage.hot.uplink import queue_keys
from storage.model.block import SLOT, BlockKey
from storage.model.event_block import EVENT, EventKey
from storage.model.parts import cut
from storage.model.payload import Batch, decode_payload
from storage.model.runs import RunBatch
from storage.model.traffic import INTERVALS
from storage.model.uplink import UplinkEntry
from storage.ports import Acceptance, StoreFull

MEMORY_LIMIT_BYTES: Final = 2 << 30
READ_CALL_BLOCKS: Final = 256


@dataclass(frozen=True, slots=True)
class _Taken:
    """A batch as it is written; `was` says where each of its readings was before, if not there."""

    batch: Batch
    packed: Packed
    token: bytes = b""
    was: NDArray[np.int64] | None = None


class RedisHotStore:
    """Keeps the port `HotStore` for one tenant, as its Redis user."""

    def __init__(
        self,
        connection: HotConnection,
        *,
        slug: str,
        zone: str,
        uplink_limit_bytes: int,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        """`zone` is this zone's name, unique in the installation: it stamps what is accepted.

        `uplink_limit_bytes` bounds the tenant's entries that wait for the parent, in each queue,
        `memory_limit_bytes` what its blocks, events and replaced versions take up.
        """
        self._connection = connection
        self._slug = slug
        self._zone = zone
        self._limits = uplink_limit_bytes, memory_limit_bytes
        self._places = SeriesPlaces(connection, slug=slug)
        self._blocks = HotBlocks(connection, slug=slug, places=self._places)
        self._cells = HotCells(slug=slug, places=self._places)

    async def accept(self, batch: Batch) -> Acceptance:
        """First hop: compare, write and queue, in calls of bounded size; see `HotStore.accept`.

        Raises:
            SlotNamedTwice, RegisterRefused: nothing was written.
            StoreFull, StoreUnavailable: as the port says.
        """
        parts = cut(batch, max_places=CALL_PLACES, max_readings=CALL_BYTES // SLOT.itemsize)
        if len(parts) > 1:
            # What is wrong anywhere in it, or between two parts, is said before any is written.
            await self._places.keep_to(partial(self._packed, batch))
        taken = [
            await self._places.keep_to(partial(self._accept, part)) for part in parts if len(part)
        ]
        return Acceptance(
            outcomes=np.concatenate(
                [np.zeros(0, dtype=np.uint8), *(one.outcomes for one in taken)]
            ),
            sequence=max((one.sequence for one in taken), default=0),
        )

    async def relay(self, entries: Sequence[UplinkEntry], *, caller: str) -> int:
        """From the child zone `caller`; see `HotStore.relay`.

        Raises:
            PayloadUnreadable, UplinkUnreadable, SlotNamedTwice, RegisterRefused: nothing of
                `entries` was taken.
            StoreFull, StoreUnavailable: as the port says.
        """
        decoded = [(entry, decode_payload(entry.payload)) for entry in entries]
        return await self._places.keep_to(partial(self._relay, decoded, caller))

    async def held_bytes(self) -> int:
        """Memory that the tenant's blocks, events and replaced versions take up, about."""
        held = await self._connection.call("GET", hot_bytes_key(self._slug))
        return int(cast(bytes | None, held) or 0)

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """Slots of the blocks that exist, read-only arrays; see `HotStore.read`."""
        return await self._blocks.read(keys)

    async def read_cells(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.void]:
        """The same slots of many meters, (meters, slots), zeros where nothing is stored.

        Raises:
            StoreUnavailable: no answer in time.
        """
        return await self._cells.read(
            meters, register=register, day=day, interval_s=interval_s, slots=slots
        )

    async def ever_stored(self, meters: Sequence[str], *, register: str) -> NDArray[np.bool_]:
        """Of which of the meters anything was ever stored here: (meters,).

        Raises:
            StoreUnavailable: no answer in time.
        """
        return await self._cells.ever_stored(meters, register=register)

    async def read_presence(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.bool_]:
        """Which of the same slots of many meters have a value: (meters, slots).

        Raises:
            StoreUnavailable: no answer in time.
        """
        return await self._cells.read_presence(
            meters, register=register, day=day, interval_s=interval_s, slots=slots
        )

    async def drop(self, blocks: Blocks) -> set[BlockKey]:
        """Take out each block that is still as given; see `HotBlocks.drop`."""
        return await self._blocks.drop(blocks)

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        """Events of the blocks that exist, by their instants; see `HotStore.read_events`."""
        blocks: dict[EventKey, NDArray[np.void]] = {}
        for begin in range(0, len(keys), READ_CALL_BLOCKS):
            wanted = keys[begin : begin + READ_CALL_BLOCKS]
            names = [event_block_key(self._slug, key) for key in wanted]
            reply = await self._connection.call("FCALL_RO", READ_EVENTS, len(names), names)
            for key, events in zip(wanted, cast(list[bytes], reply), strict=True):
                if events:
                    block = np.frombuffer(events, dtype=EVENT)
                    blocks[key] = block[np.argsort(block["at"])]
        return blocks

    async def _accept(self, batch: Batch) -> Acceptance:
        taken = await self._packed(batch)
        shared = (
            *queue_keys(self._slug, queue_of(batch)),
            sequence_key(self._slug),
            epoch_key(self._slug),
            places_epoch_key(self._slug),
        )
        packed = taken.packed
        arguments = (self._zone, *self._limits, taken.token, *packed.arguments)
        reply = await self._call(ACCEPT, shared, packed.keys, (*arguments, taken.batch.encode()))
        sequence, codes = cast(list[bytes], reply)
        outcomes = np.zeros(len(batch), dtype=np.uint8)
        if codes:
            said = np.frombuffer(codes, dtype=np.uint8)
            outcomes[slice(None) if taken.was is None else taken.was] = said
        return Acceptance(outcomes=outcomes, sequence=int(sequence))

    async def _relay(self, decoded: list[tuple[UplinkEntry, Batch]], caller: str) -> int:
        prepared = []
        packed, token = await self._packed_together(decoded)
        for at, (entry, batch) in enumerate(decoded):
            # Entries that do not say after which one they come have to stay in one order.
            queue = INTERVALS if entry.after is None else queue_of(batch)
            prepared.append(Relayed(entry, packed[at], queue))
        done = 0
        for chunk in in_calls(prepared):
            shared = (
                *queue_keys(self._slug, chunk[0].queue),
                watermark_key(self._slug),
                places_epoch_key(self._slug),
            )
            places = [key for entry in chunk for key in entry.packed.keys]
            stamped = (part for entry in chunk for part in entry.arguments)
            arguments = [*self._limits, caller, token, *stamped]
            taken_now = cast(int, await self._call(RELAY, shared, places, arguments))
            done += taken_now
            if taken_now < len(chunk):
                raise StoreFull(
                    retry_after_s=RETRY_AFTER_S,
                    what="the uplink, the tenant's memory, or the list of gaps",
                )
        return done

    async def _packed_together(
        self, decoded: list[tuple[UplinkEntry, Batch]]
    ) -> tuple[list[Packed], bytes]:
        """Each entry as the library takes it, and the token of the places, empty for none."""
        found: dict[int, Packed] = {}
        tokens = set()
        for one in joined([batch for _, batch in decoded]):
            placed = await self._places.of_batch(one.batch)
            tokens.add(placed.token)
            excluded = joined_excluded([decoded[at] for at in one.was])
            found.update(pack_joined(self._slug, one, placed.places, excluded))
        for at, (entry, batch) in enumerate(decoded):
            if at not in found:
                taken = await self._packed(batch, excluded_of(entry, batch))
                found[at] = taken.packed
                tokens.add(taken.token)
        tokens.discard(b"")
        if len(tokens) > 1:
            raise PlacesMoved("the places were given anew")
        return [found[at] for at in range(len(decoded))], next(iter(tokens), b"")

    async def _packed(self, batch: Batch, excluded: NDArray[np.bool_] | None = None) -> _Taken:
        if not isinstance(batch, RunBatch):
            return _Taken(batch, pack_events(self._slug, batch, excluded))
        placed = await self._places.of_batch(batch)
        places = placed.places
        order = cell_order(batch, places)
        was = None
        if order is not None:
            batch, was = batch.reordered(order)
            places = places[order]
            excluded = None if excluded is None else excluded[was]
        packed = pack_runs(self._slug, batch, places, excluded)
        return _Taken(batch, packed, placed.token, was)

    async def _call(
        self,
        function: str,
        shared: Sequence[str],
        blocks: Sequence[str],
        arguments: Sequence[Argument],
    ) -> object:
        return await self._connection.call(
            "FCALL", function, len(shared) + len(blocks), shared, blocks, arguments
        )
