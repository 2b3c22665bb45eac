"""Versions taken into blocks of which some are there, in any order, and others are new."""

from itertools import permutations

import numpy as np
import pytest

from storage.cold.slot_update import SlotUpdate
from storage.model.block import BlockKey, Versions

KEYS = [BlockKey(f"M-{at}", "1-0:1.8.0", 20_000, 3_600) for at in range(3)]
SLOTS = KEYS[0].slots


def versions(slot_of_value: dict[int, int], *, sequence: int) -> Versions:
    """Values at slots that count through the blocks, all of the first edge."""
    count = len(slot_of_value)
    return Versions(
        slot=np.array(list(slot_of_value.values()), dtype=np.int32),
        value=np.array(list(slot_of_value), dtype=np.int64),
        quality=np.zeros(count, dtype=np.uint8),
        sequence=np.full(count, sequence, dtype=np.int64),
        edge=np.zeros(count, dtype=np.uint16),
    )


def bodies_of(key: BlockKey, value: int, *, edge: str) -> list[bytes]:
    nothing = np.zeros(0, dtype=np.int64)
    taken = versions({value: 5}, sequence=1_000)
    update = SlotUpdate.of(keys=[key], places=nothing, bodies=[], versions=taken, edges=(edge,))
    return update.sealed()[1]


@pytest.mark.parametrize(
    "there", [order for count in range(4) for order in permutations(range(3), count)], ids=str
)
def test_blocks_that_are_there_keep_their_values_and_edges(there: tuple[int, ...]) -> None:
    bodies = [bodies_of(KEYS[at], 100 + at, edge=f"zone-3{'bca'[at]}")[0] for at in there]

    update = SlotUpdate.of(
        keys=KEYS,
        places=np.array(there, dtype=np.int64),
        bodies=bodies,
        versions=versions({200 + at: at * SLOTS + 7 for at in range(3)}, sequence=2_000),
        edges=("zone-3b",),
    )

    record = update.record
    cells = record.slots.reshape(3, SLOTS)
    held = [(at, 5, 100 + at, f"zone-3{'bca'[at]}") for at in sorted(there)]
    new = [(at, 7, 200 + at, "zone-3b") for at in range(3)]
    block, slot = np.nonzero(record.present.reshape(3, SLOTS))
    found = [
        (at, place, int(cells["final"][at, place]), update.edges[edge])
        for at, place, edge in zip(
            block.tolist(), slot.tolist(), record.edge[record.present].tolist(), strict=True
        )
    ]
    assert found == sorted(held + new)
    assert (cells["raw"] == cells["final"]).all()
