"""Fronts of blocks: the sums of what went in, and no byte that may change unseen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from storage.cold.value_front import (
    FrontDamaged,
    encode_fronts,
    front_length,
    joined,
    open_fronts,
    slot_mask,
)

FIRST_WRITTEN = [
    "430b0400fdffffff080000000900000000000000090000000000000008000000080000000800000008000000080000000b000000bb240e451654be5c",
    "0300040005000000241fd65cf35d6ad2",
]
lengths = st.sampled_from([1, 3, 24, 32, 33, 96])


@st.composite
def days(draw: st.DrawFn) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Values and where there are any, both (blocks, slots), and a choice of slots."""
    shape = (draw(st.integers(1, 5)), draw(lengths))
    limit = draw(st.sampled_from([0, 1, 300, 2**31 - 1]))
    values = draw(arrays(np.int32, shape, elements=st.integers(-limit - (limit > 300), limit)))
    present = draw(arrays(np.bool_, shape) | st.just(np.ones(shape, dtype=np.bool_)))
    return values, present, draw(arrays(np.bool_, shape[1]))


def opened(fronts: list[bytes], slots: int) -> list[tuple[int, NDArray[np.int32]]]:
    stored, sizes = joined(fronts)
    found = []
    for columns in open_fronts(stored, np.cumsum(sizes) - sizes, sizes, slots=slots):
        values, _ = columns.values(slots)
        found += list(zip(columns.block.tolist(), values, strict=True))
    return found


@given(days())
def test_values_and_sums_are_those_that_went_in(
    given_days: tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    values, present, chosen = given_days
    slots = values.shape[1]
    stored, sizes = joined(encode_fronts(values, present))

    seen = []
    for columns in open_fronts(stored, np.cumsum(sizes) - sizes, sizes, slots=slots):
        sums, counts = columns.sums(slot_mask(np.stack((chosen, ~chosen, chosen & False))))
        for at, some in enumerate((chosen, ~chosen)):
            kept = present[columns.block] & some
            expected = np.where(kept, values[columns.block], 0).sum(axis=1, dtype=np.int64)
            assert sums[at].tolist() == expected.tolist()
            count = np.broadcast_to(counts[at], len(columns.block))
            assert count.tolist() == kept.sum(axis=1).tolist()
        assert not sums[2].any()
        assert not counts[2].any()
        back, known = columns.values(slots)
        assert (known == present[columns.block]).all()
        assert (back == np.where(known, values[columns.block], 0)).all()
        seen += columns.block.tolist()
    assert sorted(seen) == list(range(len(values)))


@given(days(), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_found(
    given_days: tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]], at: int, flip: int
) -> None:
    values, present, _ = given_days
    fronts = encode_fronts(values, present)
    changed = bytearray(fronts[-1])
    changed[at % len(changed)] ^= flip

    with pytest.raises(FrontDamaged):
        opened([*fronts[:-1], bytes(changed)], values.shape[1])


@pytest.mark.parametrize("kept", [0, 3, 8, 20, -1])
def test_a_front_that_is_cut_is_refused(kept: int) -> None:
    (front,) = encode_fronts(np.arange(96, dtype=np.int32)[None], np.ones((1, 96), dtype=np.bool_))

    with pytest.raises(FrontDamaged):
        opened([front[:kept]], 96)
    with pytest.raises(FrontDamaged):
        front_length(front[:kept], 96)


def test_more_blocks_than_are_opened_at_once() -> None:
    values = np.random.default_rng(4).integers(0, 60, (5_000, 24), dtype=np.int32)
    present = np.random.default_rng(5).random((5_000, 24)) < 0.99
    stored, sizes = joined(encode_fronts(values, present))
    mask = slot_mask(np.arange(24)[None] % 2 == 0)

    found = np.full(5_000, -1, dtype=np.int64)
    for columns in open_fronts(stored, np.cumsum(sizes) - sizes, sizes, slots=24):
        assert (found[columns.block] == -1).all()
        found[columns.block] = columns.sums(mask)[0][0]

    assert (found == np.where(present, values, 0)[:, ::2].sum(axis=1)).all()


def test_the_front_of_a_household_day_is_as_wide_as_its_values() -> None:
    values = np.random.default_rng(3).integers(200, 1_200, (1, 96), dtype=np.int32)
    values[0, :2] = 200, 1_199

    (front,) = encode_fronts(values, np.ones((1, 96), dtype=np.bool_))

    # A head, 10 bits for each of 96 slots, and the checksum.
    assert len(front) == front_length(front + b"more", 96) == 8 + 10 * 12 + 8


def test_what_is_stored_stays_readable() -> None:
    """The form is for years: these bytes were written by the first build that had it."""
    values = np.array([[7, -3, 0, 1_000], [5, 5, 5, 5]], dtype=np.int32)
    present = np.array([[True, True, False, True], [True, True, True, True]])

    assert [front.hex() for front in encode_fronts(values, present)] == FIRST_WRITTEN
    back = opened([bytes.fromhex(front) for front in FIRST_WRITTEN], 4)
    assert {at: row.tolist() for at, row in back} == {0: [7, -3, 0, 1_000], 1: [5, 5, 5, 5]}
