"""The ranking of versions, in blocks of slots and in event blocks alike."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.model.block import HAS_RAW, PRESENT, RecordBlock, Versions, merge
from storage.model.event_block import EVENT, EventRecord, merge_events
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass

EDGES = ("zone-3a", "zone-3b")
SLOTS = 4
INT64 = 2**62

# A stamp names one value of a slot: the same stamp never comes with another one.
PLACE = st.integers(0, SLOTS - 1)
STAMP = st.tuples(st.integers(1, 5), st.integers(0, 1))
VALUE = st.tuples(
    st.integers(0, 3),
    st.sampled_from([Quality.VALID, Quality.RAW, Quality.EDITED, Quality.ESTIMATED]),
)
HISTORY = st.dictionaries(st.tuples(PLACE, STAMP), VALUE, max_size=12)
Row = tuple[int, int, int, int, int]


def rows_of(history: dict[tuple[int, tuple[int, int]], tuple[int, int]]) -> list[Row]:
    return [(place, value, quality, *stamp) for (place, stamp), (value, quality) in history.items()]


def versions_of(rows: Sequence[Row], *, scale: int = 1) -> Versions:
    place, value, quality, sequence, edge = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return Versions(
        slot=place,
        value=value * scale,
        quality=quality.astype(np.uint8),
        sequence=sequence,
        edge=edge.astype(np.uint8),
    )


def state(block: RecordBlock) -> list[list[int]]:
    columns = [block.slots[name] for name in ("raw", "final", "quality", "flags")]
    columns += [block.sequence, block.edge, block.raw_sequence, block.raw_edge]
    return [column.tolist() for column in columns]


@given(history=HISTORY, data=st.data())
def test_order_duplication_and_splitting_change_nothing(
    history: dict[tuple[int, tuple[int, int]], tuple[int, int]], data: st.DataObject
) -> None:
    rows = rows_of(history)
    again = data.draw(st.lists(st.sampled_from(rows))) if rows else []
    sent = data.draw(st.permutations(rows + again))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)))) | {0, len(sent)})
    whole, _ = merge(RecordBlock.empty(SLOTS, EDGES), versions_of(rows))

    block, events = RecordBlock.empty(SLOTS, EDGES), EventRecord.empty(EDGES)
    logged: set[tuple[int, int, int]] = set()
    for first, last in pairwise(cuts):
        block, replaced = merge(block, versions_of(sent[first:last]))
        stamps = replaced.slot.tolist(), replaced.sequence.tolist(), replaced.edge.tolist()
        logged |= set(zip(*stamps, strict=True))
        events, _ = merge_events(events, versions_of(sent[first:last]))

    assert state(block) == state(whole)
    present = np.flatnonzero(whole.present)
    assert len(logged) == len(rows) - len(present)
    # The event blocks hold the same in the places that have a value, and no others.
    assert events.place.tolist() == present.tolist()
    assert state(events.record) == [np.array(column)[present].tolist() for column in state(whole)]


@given(history=HISTORY)
def test_the_highest_class_counts_then_the_latest_stamp(
    history: dict[tuple[int, tuple[int, int]], tuple[int, int]],
) -> None:
    rows = rows_of(history)
    block, _ = merge(RecordBlock.empty(SLOTS, EDGES), versions_of(rows))

    for slot in range(SLOTS):
        ranked = sorted(
            (int(CLASS_OF_QUALITY[quality]), sequence, edge, value, quality)
            for place, value, quality, sequence, edge in rows
            if place == slot
        )
        actual = [one for one in ranked if one[0] == QualityClass.ACTUAL]
        held = block.slots[slot]
        if ranked:
            assert (held["final"], held["quality"]) == ranked[-1][3:]
        if actual:
            assert held["raw"] == actual[-1][3]
        assert held["flags"] == bool(ranked) * PRESENT + bool(actual) * HAS_RAW


def test_events_keep_64_bits_their_second_and_their_order() -> None:
    late = versions_of([(86_400 + 7, 3, 0, 1, 0), (9, 2, 0, 1, 0)], scale=INT64 // 4)
    early = versions_of([(8, 1, 0, 2, 1), (86_400 + 7, 4, 0, 2, 1)], scale=INT64 // 4)

    events, _ = merge_events(EventRecord.empty(EDGES), late)
    events, replaced = merge_events(events, early)

    assert events.place.tolist() == [8, 9, 86_407]
    assert events.record.slots.dtype == EVENT
    assert events.record.slots["at"].tolist() == [8, 9, 7]
    assert events.record.slots["final"].tolist() == [INT64 // 4, INT64 // 2, INT64]
    assert (replaced.slot.tolist(), replaced.value.tolist()) == ([86_407], [3 * INT64 // 4])


def test_nothing_merged_into_nothing_is_nothing() -> None:
    block, replaced = merge(RecordBlock.empty(SLOTS, EDGES), versions_of([]))
    events, none = merge_events(EventRecord.empty(EDGES), versions_of([]))

    assert not block.present.any()
    assert (len(replaced), len(events), len(none)) == (0, 0, 0)
