"""Batches laid out together are what each of them is by itself."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.hot.joined_packing import joined, pack_joined
from storage.hot.packed import COLUMNS, SCATTERED, Packed, pack_runs
from storage.hot.packing import SlotNamedTwice, cell_order
from storage.model.payload import Batch
from storage.model.runs import RunBatch
from tests.contract.hot_readings import DAY, Run, batch_of

METERS = 40


def _places(batch: RunBatch) -> NDArray[np.int64]:
    """Meters lie in the order of their names, but for every tenth."""
    number = np.array([int(name[1:]) for name in batch.meters], dtype=np.int64)
    return np.where(number % 10, number, 3 * METERS - number)[batch.run_meter]


def _instant(first: int, count: int, slot: int, register: str = "1-0:1.8.0") -> RunBatch:
    return batch_of(
        *(
            Run(meter_id=f"M{n:03}", values=[n * slot], slot=slot, register=register)
            for n in range(first, min(first + count, METERS))
        )
    )


def _days(first: int, count: int, slot: int, length: int) -> RunBatch:
    return batch_of(
        *(
            Run(
                meter_id=f"M{n:03}",
                values=list(range(n, n + length + n % 3)),
                slot=slot,
                day=DAY + n // 16,
                quality=7 if n % 5 == 0 else 0,
            )
            for n in range(first, min(first + count, METERS))
        )
    )


instants = st.builds(
    _instant,
    st.integers(0, METERS - 1),
    st.integers(1, METERS),
    st.integers(0, 95),
    st.sampled_from(["1-0:1.8.0", "1-0:2.8.0"]),
)
days = st.builds(
    _days, st.integers(0, METERS - 1), st.integers(1, 20), st.integers(0, 80), st.integers(1, 12)
)


def _together(
    batches: Sequence[Batch], masks: Sequence[NDArray[np.bool_]] | None = None
) -> dict[int, Packed]:
    found: dict[int, Packed] = {}
    for one in joined(batches):
        mask = None if masks is None else np.concatenate([masks[at] for at in one.was])
        found.update(pack_joined("acme", one, _places(one.batch), mask))
    return found


def _in_order(batch: RunBatch) -> bool:
    try:
        return cell_order(batch, _places(batch)) is None
    except SlotNamedTwice:
        return False


@given(st.lists(st.one_of(instants, days), min_size=2, max_size=8), st.data())
def test_each_is_packed_as_it_is_alone(batches: list[RunBatch], data: st.DataObject) -> None:
    masks = [
        np.array(data.draw(st.lists(st.booleans(), min_size=len(one), max_size=len(one))))
        for one in batches
    ]

    for at, packed in _together(batches, masks).items():
        alone = pack_runs("acme", batches[at], _places(batches[at]), masks[at])
        assert _in_order(batches[at])
        if packed.kind != alone.kind:
            # Whether strips go whole is decided for all together.
            assert {packed.kind, alone.kind} == {COLUMNS, SCATTERED}
        else:
            assert packed == alone


@given(st.lists(instants, min_size=2, max_size=8))
def test_instants_in_order_are_all_packed_together(batches: list[RunBatch]) -> None:
    found = _together(batches)

    alike = [one.registers for one in batches]
    for at, batch in enumerate(batches):
        expected = _in_order(batch) and alike.count(batch.registers) > 1
        assert (at in found) == expected


def test_a_batch_that_names_a_slot_twice_is_left_to_be_refused() -> None:
    twice = batch_of(
        Run(meter_id="M001", values=[1, 2, 3], slot=4), Run(meter_id="M001", values=[9], slot=5)
    )
    sound = _days(2, 3, 10, 4)

    assert set(_together([sound, twice, sound])) == {0, 2}
    with pytest.raises(SlotNamedTwice):
        cell_order(twice, _places(twice))


def test_empty_batches_and_single_ones_have_no_company() -> None:
    assert joined([batch_of(), _instant(0, 5, 1), batch_of(), _days(0, 5, 1, 4)]) == []
