"""Event blocks on disk: what is written comes back, what was changed is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.cold.codec import BlockDamaged
from storage.cold.event_codec import EventCodec
from storage.model.block import HAS_RAW, Versions
from storage.model.event_block import EventRecord, merge_events
from storage.model.quality import Quality
from storage.model.runs import DAY_S

EDGES = ("zone-3a", "zone-3b", "zone-3c")
VERSION = st.tuples(
    st.integers(0, DAY_S - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([Quality.VALID, Quality.EDITED, Quality.ESTIMATED]),
    st.integers(0, 2**60),
    st.integers(0, len(EDGES) - 1),
)
BLOCKS = st.lists(st.lists(VERSION, min_size=1, max_size=6), max_size=5)
Row = tuple[int, int, int, int, int]


def record_of(blocks: list[list[Row]]) -> EventRecord:
    rows = [(at + number * DAY_S, *rest) for number, of in enumerate(blocks) for at, *rest in of]
    place, value, quality, sequence, edge = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    versions = Versions(
        slot=place,
        value=value,
        quality=quality.astype(np.uint8),
        sequence=sequence,
        edge=edge.astype(np.uint8),
    )
    events, _ = merge_events(EventRecord.empty(EDGES), versions)
    events.record.slots["revision"] = np.arange(len(events)) % 65_536
    return events


def assert_same(left: EventRecord, right: EventRecord) -> None:
    np.testing.assert_array_equal(left.place, right.place)
    np.testing.assert_array_equal(left.record.slots, right.record.slots)
    np.testing.assert_array_equal(left.record.sequence, right.record.sequence)
    np.testing.assert_array_equal(left.record.raw_sequence, right.record.raw_sequence)
    has_raw = (left.record.slots["flags"] & HAS_RAW) != 0
    for name, mask in (("edge", np.ones(len(left), dtype=np.bool_)), ("raw_edge", has_raw)):
        left_names = [left.record.edges[edge] for edge in getattr(left.record, name)[mask]]
        assert left_names == [
            right.record.edges[edge] for edge in getattr(right.record, name)[mask]
        ]


@given(blocks=BLOCKS)
def test_event_blocks_come_back_from_their_bodies(blocks: list[list[Row]]) -> None:
    events = record_of(blocks)

    bodies = EventCodec().encode(events, len(blocks))

    assert_same(events, EventCodec().decode(bodies))
    for number, body in enumerate(bodies):
        alone = EventCodec().decode([body])
        mine = events.place // DAY_S == number
        assert alone.place.tolist() == (events.place[mine] % DAY_S).tolist()
        assert alone.record.slots.tobytes() == events.record.slots[mine].tobytes()


@given(
    block=st.lists(VERSION, min_size=1, max_size=6),
    at=st.integers(0, 10_000),
    flip=st.integers(1, 255),
    cut=st.integers(1, 200),
)
def test_a_changed_or_shortened_body_is_refused(
    block: list[Row], at: int, flip: int, cut: int
) -> None:
    (body,) = EventCodec().encode(record_of([block]), 1)
    changed = bytearray(body)
    changed[at % len(body)] ^= flip

    for damaged in (bytes(changed), body[:-cut], body + b"\0", b""):
        with pytest.raises(BlockDamaged):
            EventCodec().decode([damaged])


def test_a_day_of_register_reads_takes_few_bytes() -> None:
    day = [
        (slot * 900 + 7, 81_250_400 + slot * 104, Quality.VALID, 10**15 + slot * 900_000_000, 0)
        for slot in range(96)
    ]

    two, many = EventCodec().encode(record_of([day[:2], day]), 2)

    assert len(two) < 100
    assert len(many) < 96 * 8
