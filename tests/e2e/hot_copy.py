"""What a zone's Valkey holds of given slots, read from its strings."""

from collections.abc import Iterable

import numpy as np

from storage.model.block import HAS_RAW, PRESENT, SLOT
from tests.e2e.cold_record import Current
from tests.e2e.lab import Lab
from tests.e2e.stores import hot_store
from tests.e2e.versions import DAY_S, INTERVAL_S, REGISTER, Slot, Version


async def read_hot(lab: Lab, zone: str, slots: Iterable[Slot]) -> dict[Slot, Current]:
    """What the zone shows for those of `slots` that it has."""
    blocks: dict[str, list[Slot]] = {}
    for slot in slots:
        key = f"{slot.tenant}:b:{slot.start_s // DAY_S}:{INTERVAL_S}:{REGISTER}/{slot.meter}"
        blocks.setdefault(key, []).append(slot)
    found: dict[Slot, Current] = {}
    async with hot_store(lab, zone) as client:
        for key, wanted in blocks.items():
            cells = np.frombuffer(await client.get(key) or b"", dtype=SLOT)
            for slot in wanted:
                at = slot.start_s % DAY_S // INTERVAL_S
                if at < len(cells) and cells[at]["flags"] & PRESENT:
                    found[slot] = _current(cells[at])
    return found


def _current(cell: np.void) -> Current:
    return Current(
        Version(int(cell["final"]), int(cell["quality"])),
        int(cell["raw"]) if cell["flags"] & HAS_RAW else None,
        int(cell["revision"]),
    )
