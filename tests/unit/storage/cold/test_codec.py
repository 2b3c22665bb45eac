import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.cold.codec import BlockCodec, BlockDamaged
from storage.model.block import HAS_RAW, PRESENT, SLOT, RecordBlock, merge
from tests.unit.storage.cold.first_format import first_format
from tests.unit.storage.model.block_versions import EDGES, SLOTS, Version, columns, versions

A_DAY_US = 1_790_000_000_000_000
OF_FORMAT_1 = (
    "0104000f330010e803000000000000e8030000000000000f007a6f6e652d33610a7a6f6e652d336270fb002c11ff"
    "000101ff000000ff00000000000800000302000000cf000000070001000058c812ce"
)
"""Four slots: 70,000 and -5, acknowledged by two edges, none, and 300 that is estimated."""


def assert_same_readings(left: RecordBlock, right: RecordBlock) -> None:
    np.testing.assert_array_equal(left.slots, right.slots)
    np.testing.assert_array_equal(left.sequence, right.sequence)
    np.testing.assert_array_equal(left.raw_sequence, right.raw_sequence)
    for flag, name in ((PRESENT, "edge"), (HAS_RAW, "raw_edge")):
        mask = (left.slots["flags"] & flag) != 0
        left_names = [left.edges[edge] for edge in getattr(left, name)[mask]]
        assert left_names == [right.edges[edge] for edge in getattr(right, name)[mask]]


def block_of(rows: list[Version]) -> RecordBlock:
    block, _ = merge(RecordBlock.empty(SLOTS, EDGES), columns(rows))
    return block


@given(st.lists(versions, max_size=4))
def test_blocks_come_back_from_their_bodies(many: list[list[Version]]) -> None:
    joined = [(row[0] + at * SLOTS, *row[1:]) for at, rows in enumerate(many) for row in rows]
    blocks, _ = merge(RecordBlock.empty(SLOTS * len(many), EDGES), columns(joined))
    blocks.slots["revision"][blocks.present] = 65_535

    bodies = BlockCodec(SLOTS).encode(blocks)

    assert len(bodies) == len(many)
    assert_same_readings(blocks, BlockCodec(SLOTS).decode(bodies))
    # Each body stands alone, whatever it was written with.
    alone = [BlockCodec(SLOTS).decode([body]) for body in bodies]
    assert [one.slots.tobytes() for one in alone] == [
        blocks.slots[at : at + SLOTS].tobytes() for at in range(0, SLOTS * len(many), SLOTS)
    ]


@given(st.lists(versions, min_size=1, max_size=4))
def test_bodies_of_the_first_format_are_read_among_others(many: list[list[Version]]) -> None:
    joined = [(row[0] + at * SLOTS, *row[1:]) for at, rows in enumerate(many) for row in rows]
    blocks, _ = merge(RecordBlock.empty(SLOTS * len(many), EDGES), columns(joined))
    old, new = first_format(blocks, SLOTS), BlockCodec(SLOTS).encode(blocks)

    mixed = [pair[at % 2] for at, pair in enumerate(zip(old, new, strict=True))]

    assert_same_readings(blocks, BlockCodec(SLOTS).decode(mixed))


def test_a_body_that_the_first_build_wrote_is_read() -> None:
    block = BlockCodec(SLOTS).decode([bytes.fromhex(OF_FORMAT_1)])

    expected = block_of([(0, 70_000, 0, 1_000, 0), (1, -5, 0, 2_000, 1), (3, 300, 8, 3_000, 0)])
    assert_same_readings(expected, block)


@given(
    rows=versions.filter(bool),
    at=st.integers(0, 10_000),
    flip=st.integers(1, 255),
    cut=st.integers(1, 200),
)
def test_a_changed_or_shortened_body_is_refused(
    rows: list[Version], at: int, flip: int, cut: int
) -> None:
    (body,) = BlockCodec(SLOTS).encode(block_of(rows))
    changed = bytearray(body)
    changed[at % len(body)] ^= flip

    for damaged in (bytes(changed), body[:-cut], body + b"\0", b""):
        with pytest.raises(BlockDamaged):
            BlockCodec(SLOTS).decode([damaged])


def test_a_body_of_another_interval_length_is_refused() -> None:
    (body,) = BlockCodec(SLOTS).encode(block_of([(0, 1, 0, 1, 0)]))

    with pytest.raises(BlockDamaged):
        BlockCodec(96).decode([body])


def household_days(*, live: bool) -> RecordBlock:
    """200 days of 15-minute household energy in Wh, stamped slot by slot or at once."""
    rng = np.random.default_rng(7)
    base = rng.gamma(2, 60, (200, 1)) * (1 + 0.8 * np.sin(np.linspace(0, 4 * np.pi, 96)))
    spikes = (rng.random((200, 96)) < 0.05) * rng.integers(300, 1500, (200, 96))
    slots = np.zeros((200, 96), dtype=SLOT)
    slots["final"] = slots["raw"] = base + rng.gamma(1, 40, (200, 96)) + spikes
    slots["flags"] = PRESENT | HAS_RAW
    stamps = np.full(96, A_DAY_US)
    if live:
        stamps = A_DAY_US + np.arange(96) * 900_000_000 + rng.integers(0, 2_000_000, 96)
    sequence = np.tile(stamps, 200)
    edge = np.zeros(sequence.shape, dtype=np.uint8)
    return RecordBlock(
        slots=slots.reshape(-1),
        sequence=sequence,
        edge=edge,
        raw_sequence=sequence,
        raw_edge=edge,
        edges=("zone-3a",),
    )


@pytest.mark.parametrize(
    ("live", "most_bytes_a_reading"),
    [pytest.param(False, 2.5, id="backfilled"), pytest.param(True, 5.5, id="live")],
)
def test_a_day_of_a_household_takes_few_bytes(live: bool, most_bytes_a_reading: float) -> None:
    blocks = household_days(live=live)

    bodies = BlockCodec(96).encode(blocks)

    assert sum(map(len, bodies)) / (200 * 96) < most_bytes_a_reading
    assert_same_readings(blocks, BlockCodec(96).decode(bodies))
