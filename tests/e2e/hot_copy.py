"""What a zone's Valkey holds of given slots, read from its strings."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from storage.model.block import HAS_RAW, PRESENT, SLOT
from storage.model.event_block import EVENT
from tests.e2e.cold_record import Current
from tests.e2e.lab import Lab
from tests.e2e.stores import hot_store
from tests.e2e.versions import DAY_S, REGISTER, Slot, Version

# An event's second of the day is its name in the block.
_EVENT = np.dtype([(name, EVENT[name]) for name in EVENT.names or () if name != "at"])


async def read_hot(lab: Lab, zone: str, slots: Iterable[Slot]) -> dict[Slot, Current]:
    """What the zone shows for those of `slots` that it has."""
    blocks: defaultdict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        block = f"{slot.start_s // DAY_S}:{slot.interval_s}:{REGISTER}/{slot.meter}"
        blocks[f"{slot.tenant}:{'e' if slot.is_event else 'b'}:{block}"].append(slot)
    found: dict[Slot, Current] = {}
    async with hot_store(lab, zone) as client:
        for key, wanted in blocks.items():
            events = await client.hgetall(key) if wanted[0].is_event else {}
            cells = b"" if wanted[0].is_event else await client.get(key) or b""
            for slot in wanted:
                second = slot.start_s % DAY_S
                if slot.is_event:
                    cell = events.get(second.to_bytes(4, "little"), b"")
                    layout = _EVENT
                else:
                    at = second // slot.interval_s * SLOT.itemsize
                    cell, layout = cells[at : at + SLOT.itemsize], SLOT
                if cell and np.frombuffer(cell, dtype=layout)[0]["flags"] & PRESENT:
                    found[slot] = _current(np.frombuffer(cell, dtype=layout)[0])
    return found


def _current(cell: np.void) -> Current:
    return Current(
        Version(int(cell["final"]), int(cell["quality"])),
        int(cell["raw"]) if cell["flags"] & HAS_RAW else None,
        int(cell["revision"]),
    )
