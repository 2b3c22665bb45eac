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
    cells: dict[Slot, np.void] = {}
    async with hot_store(lab, zone) as client:
        for slot in slots:
            cell = await (_event if slot.is_event else _interval)(client, slot)
            if cell is not None and cell["flags"] & PRESENT:
                cells[slot] = cell
    return {slot: _current(cell) for slot, cell in cells.items()}


async def _event(client: Client, slot: Slot) -> np.void | None:
    second = (slot.start_s % DAY_S).to_bytes(4, "little")
    cell = await client.hget(f"{slot.tenant}:e:{_block(slot)}/{slot.meter}", second)
    return None if cell is None else np.frombuffer(cell, dtype=_EVENT)[0]


async def _interval(client: Client, slot: Slot) -> np.void | None:
    """A meter's place says which string is its strip's, and which of a slot's cells its own."""
    place = await client.hget(f"{slot.tenant}:p:{REGISTER}", slot.meter)
    if place is None:
        return None
    strip, lane = divmod(int(place), METERS_A_STRIP)
    at = slot.start_s % DAY_S // slot.interval_s * METERS_A_STRIP + lane
    size = SLOT.itemsize
    key = f"{slot.tenant}:s:{_block(slot)}/{strip}"
    cell = await client.getrange(key, at * size, (at + 1) * size - 1)
    return np.frombuffer(cell, dtype=SLOT)[0] if cell else None


def _block(slot: Slot) -> str:
    return f"{slot.start_s // DAY_S}:{slot.interval_s}:{REGISTER}"


def _current(cell: np.void) -> Current:
    return Current(
        Version(int(cell["final"]), int(cell["quality"])),
        int(cell["raw"]) if cell["flags"] & HAS_RAW else None,
        int(cell["revision"]),
    )
