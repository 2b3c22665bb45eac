import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.block import HAS_RAW, PRESENT, RecordBlock, merge
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from tests.unit.storage.model.block_versions import EDGES, SLOTS, Version, columns, versions


def taken(*batches: list[Version]) -> RecordBlock:
    block = RecordBlock.empty(SLOTS, EDGES)
    for batch in batches:
        block, _ = merge(block, columns(batch))
    return block


def assert_same(left: RecordBlock, right: RecordBlock) -> None:
    assert left.edges == right.edges
    for name in ("slots", "sequence", "edge", "raw_sequence", "raw_edge"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def highest(rows: list[Version]) -> Version:
    return max(rows, key=lambda row: (CLASS_OF_QUALITY[row[2]], row[3], row[4]))


@given(rows=versions, rng=st.randoms(use_true_random=False))
def test_order_repetition_and_splitting_give_the_same_block(
    rows: list[Version], rng: random.Random
) -> None:
    shuffled = rows + rng.sample(rows, k=len(rows) // 2)
    rng.shuffle(shuffled)
    cuts = sorted(rng.randrange(len(shuffled) + 1) for _ in range(3))
    begins, ends = [0, *cuts], [*cuts, len(shuffled)]

    pieces = [shuffled[begin:end] for begin, end in zip(begins, ends, strict=True)]

    assert_same(taken(*pieces), taken(rows))


@given(rows=versions)
def test_a_slot_shows_its_highest_version_and_its_newest_actual_one(rows: list[Version]) -> None:
    block = taken(rows)

    for slot in range(SLOTS):
        own = [row for row in rows if row[0] == slot]
        actual = [row for row in own if CLASS_OF_QUALITY[row[2]] == QualityClass.ACTUAL]
        cell = block.slots[slot]
        assert bool(cell["flags"] & PRESENT) == bool(own)
        assert bool(cell["flags"] & HAS_RAW) == bool(actual)
        if own:
            _, value, quality, sequence, edge = highest(own)
            assert (cell["final"], cell["quality"]) == (value, quality)
            assert (block.sequence[slot], block.edge[slot]) == (sequence, edge)
        if actual:
            assert cell["raw"] == highest(actual)[1]


@given(rows=versions, cut=st.integers(0, 30))
def test_what_is_not_current_is_handed_back(rows: list[Version], cut: int) -> None:
    first, replaced_first = merge(RecordBlock.empty(SLOTS, EDGES), columns(rows[:cut]))
    second, replaced_second = merge(first, columns(rows[cut:]))

    replaced = {
        tuple(row)
        for each in (replaced_first, replaced_second)
        for row in zip(
            each.slot.tolist(),
            each.value.tolist(),
            each.quality.tolist(),
            each.sequence.tolist(),
            each.edge.tolist(),
            strict=True,
        )
    }
    current = {highest([row for row in rows if row[0] == slot]) for slot in {r[0] for r in rows}}
    assert replaced == set(rows) - current
    assert len(replaced_first) + len(replaced_second) == len(replaced)
    assert second.present.sum() == len(current)


@pytest.mark.parametrize(
    ("rows", "final"),
    [
        pytest.param(
            [(0, 10, Quality.EDITED, 1, 0), (0, 20, Quality.VALID, 9, 0)],
            10,
            id="an_edit_beats_a_later_actual",
        ),
        pytest.param(
            [(0, 10, Quality.VALID, 1, 0), (0, 20, Quality.ESTIMATED, 9, 0)],
            10,
            id="an_actual_beats_a_later_estimate",
        ),
        pytest.param(
            [(0, 10, Quality.VALID, 1, 2), (0, 20, Quality.VALID, 2, 0)],
            20,
            id="the_later_of_a_class_wins",
        ),
        pytest.param(
            [(0, 10, Quality.VALID, 5, 0), (0, 20, Quality.VALID, 5, 1)],
            20,
            id="a_tie_goes_to_the_higher_name",
        ),
        pytest.param([(0, 0, Quality.VALID, 1, 0)], 0, id="zero_is_a_value"),
    ],
)
def test_rank(rows: list[Version], final: int) -> None:
    for order in (rows, rows[::-1]):
        block = taken(*([row] for row in order))

        assert block.slots["final"][0] == final
        assert block.present.tolist() == [True, False, False, False]


@given(rows=versions)
def test_more_edge_names_change_no_stamp(rows: list[Version]) -> None:
    block = taken(rows)
    names = ("a", *EDGES[:1], "zone-3aa", *EDGES[1:], "zz")

    wider = block.with_edges(names)

    for mask, own, other in (
        (block.present, block.edge, wider.edge),
        ((block.slots["flags"] & HAS_RAW) != 0, block.raw_edge, wider.raw_edge),
    ):
        assert [EDGES[edge] for edge in own[mask]] == [names[edge] for edge in other[mask]]
        assert not other[~mask].any()
