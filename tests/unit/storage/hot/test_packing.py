"""How a batch is laid out for the library, byte by byte."""

import struct
from typing import Any

import numpy as np
import pytest

from storage.hot.keys import RegisterRefused
from storage.hot.packed import pack_runs
from storage.hot.packing import cell_order, cell_runs, pack_claims
from storage.model.block import SLOT
from storage.model.quality import Quality
from tests.contract.hot_readings import DAY, Run, batch_of

MIXED = [
    Run(values=[5, -6], slot=94, meter_id="B", quality=[Quality.VALID, Quality.ESTIMATED]),
    Run(values=[7], slot=1439, interval_s=60, meter_id="A", quality=Quality.EDITED),
]


def test_a_meters_own_slots_are_a_strips_width_apart() -> None:
    laid = cell_runs(batch_of(*MIXED[:1]), np.array([13]))

    assert laid.columns
    assert laid.strip.tolist() == [1]
    assert laid.runs.tobytes() == struct.pack("<4H", 94 * 8 + 5, 2, 96 * 8, 8)


def test_an_instants_neighbours_are_one_run() -> None:
    meters = [Run(values=[at], slot=3, meter_id=f"M-{at}") for at in range(7)]

    laid = cell_runs(batch_of(*meters), np.array([4, 5, 6, 7, 8, 9, 20]))

    assert not laid.columns
    assert laid.strip.tolist() == [0, 1, 2]
    assert laid.runs.tolist() == [
        (3 * 8 + 4, 4, 96 * 8, 1),
        (3 * 8, 2, 96 * 8, 1),
        (3 * 8 + 4, 1, 96 * 8, 1),
    ]


@pytest.mark.parametrize(
    "other", [{"day": DAY + 1}, {"interval_s": 1800}, {"register": "1-0:2.8.0"}]
)
def test_what_is_in_another_strip_is_no_neighbour(other: dict[str, Any]) -> None:
    runs = [Run(values=[1], meter_id="A", slot=0), Run(values=[1], meter_id="B", slot=0, **other)]

    assert len(cell_runs(batch_of(*runs), np.array([0, 1])).runs) == 2


def test_runs_are_put_in_the_order_of_their_cells() -> None:
    meters = [Run(values=[at], slot=3, meter_id=f"M-{at}") for at in range(4)]
    batch, places = batch_of(*meters), np.array([9, 2, 8, 3])

    order = cell_order(batch, places)

    assert order is not None
    assert order.tolist() == [1, 3, 2, 0]
    moved, was = batch.reordered(order)
    assert moved.values.tolist() == [1, 3, 2, 0]
    assert was.tolist() == [1, 3, 2, 0]
    assert cell_order(moved, places[order]) is None


def test_days_keep_their_readings_together_in_another_order() -> None:
    runs = [Run(values=[1, 2, 3], meter_id="A"), Run(values=[4, 5], meter_id="B")]

    moved, was = batch_of(*runs).reordered(np.array([1, 0]))

    assert moved.values.tolist() == [4, 5, 1, 2, 3]
    assert was.tolist() == [3, 4, 0, 1, 2]
    assert moved.run_length.tolist() == [2, 3]


def test_a_claim_is_the_slot_it_would_fill() -> None:
    claims = pack_claims(batch_of(*MIXED))

    assert list(struct.iter_unpack("<iiBBH", claims)) == [
        (5, 5, Quality.VALID, 3, 0),
        (0, -6, Quality.ESTIMATED, 1, 0),
        (0, 7, Quality.EDITED, 1, 0),
    ]


def test_an_excluded_reading_claims_nothing() -> None:
    claims = pack_claims(batch_of(*MIXED), np.array([True, False, True]))

    assert claims[:12] == claims[24:] == bytes(12)
    assert claims[12:24] != bytes(12)


def test_days_of_a_strip_are_one_segment_with_their_claims_at_their_cells() -> None:
    runs = [Run(values=[1, 2, 3], meter_id="A", slot=10), Run(values=[4, 5], meter_id="B", slot=11)]

    packed = pack_runs("acme", batch_of(*runs), np.array([8, 10]))

    assert (packed.kind, packed.keys) == ("c", [f"acme:s:{DAY}:900:1-0:1.8.0/1"])
    # Slot 10 of the first meter to slot 12 of both.
    assert packed.places == struct.pack("<4H", 2, 80, 19, 96 * 8)
    head = struct.pack("<8H", 80, 3, 96 * 8, 8, 90, 2, 96 * 8, 8)
    assert packed.claims.startswith(head)
    cells = np.frombuffer(packed.claims[len(head) :], dtype=SLOT)
    assert cells["final"].tolist() == [1, *[0] * 7, 2, 0, 4, *[0] * 5, 3, 0, 5]


def test_a_strip_with_little_claimed_far_apart_is_not_sent_whole() -> None:
    runs = [Run(values=[1, 2], meter_id="A"), Run(values=[3], meter_id="B", slot=95)]

    packed = pack_runs("acme", batch_of(*runs), np.array([0, 1]))

    assert (packed.kind, len(packed.keys)) == ("s", 2)
    assert len(packed.claims) == 2 * 8 + (9 + 1) * 12


def test_a_strip_is_named_by_its_day_length_and_register() -> None:
    runs = [*MIXED, Run(values=[1], register="1-0:2.8.0"), Run(values=[1], day=DAY + 1)]

    packed = pack_runs("acme", batch_of(*runs), np.array([70, 8, 9, 5000]))

    assert packed.keys == [
        f"acme:s:{DAY}:900:1-0:1.8.0/8",
        f"acme:s:{DAY}:60:1-0:1.8.0/1",
        f"acme:s:{DAY}:900:1-0:2.8.0/1",
        f"acme:s:{DAY + 1}:900:1-0:1.8.0/625",
    ]


def test_a_register_that_would_make_keys_ambiguous_is_refused() -> None:
    with pytest.raises(RegisterRefused):
        pack_runs("acme", batch_of(Run(values=[1], register="a/b")), np.array([0]))
