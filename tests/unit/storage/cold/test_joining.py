"""An archived block and what came after it, as one: the rank decides, the order does not."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.cold.archive.joining import joined_records
from storage.cold.archive.parquet_file import same
from storage.model.block import RecordBlock, Versions, merge
from storage.model.quality import Quality

SLOTS = 6
EDGES = ("zone-1#5", "zone-3a#1", "zone-3b#1")
QUALITIES = [int(Quality.VALID), int(Quality.EDITED), int(Quality.ESTIMATED)]
VERSION = st.tuples(
    st.integers(0, SLOTS - 1),
    st.integers(-9, 9),
    st.sampled_from(QUALITIES),
    st.integers(1, 40),
    st.integers(0, len(EDGES) - 1),
)
# A stamp is of one value.
VERSIONS = st.lists(VERSION, max_size=20, unique_by=lambda one: (one[3], one[4]))


def block_of(versions: list[tuple[int, int, int, int, int]]) -> RecordBlock:
    empty = RecordBlock.empty(SLOTS, EDGES)
    if not versions:
        return empty
    slot, value, quality, sequence, edge = (
        np.array(column) for column in zip(*versions, strict=True)
    )
    merged, _ = merge(
        empty,
        Versions(
            slot=slot.astype(np.int64),
            value=value.astype(np.int64),
            quality=quality.astype(np.uint8),
            sequence=sequence.astype(np.int64),
            edge=edge.astype(np.uint16),
        ),
    )
    return merged


def counting(block: RecordBlock) -> RecordBlock:
    """The block without the number of versions that each value has outlived."""
    slots = block.slots.copy()
    slots["revision"] = 0
    return RecordBlock(
        slots=slots,
        sequence=block.sequence,
        edge=block.edge,
        raw_sequence=block.raw_sequence,
        raw_edge=block.raw_edge,
        edges=block.edges,
    )


@given(versions=VERSIONS, cuts=st.lists(st.integers(0, 2), min_size=20, max_size=20))
def test_what_was_parted_is_joined_as_if_it_had_never_been(
    versions: list[tuple[int, int, int, int, int]], cuts: list[int]
) -> None:
    parts = [
        block_of([one for one, cut in zip(versions, cuts, strict=False) if cut == part])
        for part in range(3)
    ]
    whole = counting(block_of(versions))
    for first, second, third in permutations(parts):
        joined = joined_records(joined_records(first, second), third)
        assert same(counting(joined), whole)


@given(one=VERSIONS, other=VERSIONS)
def test_joining_again_changes_nothing(
    one: list[tuple[int, int, int, int, int]], other: list[tuple[int, int, int, int, int]]
) -> None:
    left, right = block_of(one), block_of(other)
    joined = joined_records(left, right)

    assert same(joined_records(joined, right), joined)
    assert same(joined_records(joined, left), joined)
    assert same(joined_records(left, left), left)
