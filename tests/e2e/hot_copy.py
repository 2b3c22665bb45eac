"""What a zone's Valkey holds of given slots, read from its strings."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from storage.model.block import HAS_RAW, PRESENT, SLOT
from storage.model.event_block import EVENT
from tests.e2e.cold_record import Current
from tests.e2e.lab import Lab
from tests.e2e.stores import hot_store
from tests.e2e.versions import DAY_S, REGISTER, Slot, Version

METERS_A_STRIP = 8
# The commands of a client are not typed.
Client = Any
# An event's second of the day is its name in the block.
_EVENT = np.dtype([(name, EVENT[name]) for name in EVENT.names or () if name != "at"])


async def read_hot(lab: Lab, zone: str, slots: Iterable[Slot]) -> dict[Slot, Current]:
    """What the zone shows for those of `slots` that it has."""
    async with hot_store(lab, zone) as client:
        copy = _Copy(client)
        cells = {slot: await copy.cell(slot) for slot in slots}
    return {
        slot: _current(cell)
        for slot, cell in cells.items()
        if cell is not None and cell["flags"] & PRESENT
    }


class _Copy:
    """A zone's strings and hashes, each read once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, Any] = {}

    async def cell(self, slot: Slot) -> np.void | None:
        if slot.is_event:
            events = await self._hash(f"{slot.tenant}:e:{_block(slot)}/{slot.meter}")
            event = events.get((slot.start_s % DAY_S).to_bytes(4, "little"))
            return None if event is None else np.frombuffer(event, dtype=_EVENT)[0]
        # A meter's place says which string is its strip's, and which of a slot's cells its own.
        place = (await self._hash(f"{slot.tenant}:p:{REGISTER}")).get(slot.meter.encode())
        if place is None:
            return None
        strip, lane = divmod(int(place), METERS_A_STRIP)
        key = f"{slot.tenant}:s:{_block(slot)}/{strip}"
        if key not in self._read:
            self._read[key] = await self._client.get(key) or b""
        at = slot.start_s % DAY_S // slot.interval_s * METERS_A_STRIP + lane
        cell = self._read[key][at * SLOT.itemsize : (at + 1) * SLOT.itemsize]
        return np.frombuffer(cell, dtype=SLOT)[0] if cell else None

    async def _hash(self, key: str) -> dict[bytes, bytes]:
        if key not in self._read:
            self._read[key] = await self._client.hgetall(key)
        held: dict[bytes, bytes] = self._read[key]
        return held


def _block(slot: Slot) -> str:
    return f"{slot.start_s // DAY_S}:{slot.interval_s}:{REGISTER}"


def _current(cell: np.void) -> Current:
    return Current(
        Version(int(cell["final"]), int(cell["quality"])),
        int(cell["raw"]) if cell["flags"] & HAS_RAW else None,
        int(cell["revision"]),
    )
