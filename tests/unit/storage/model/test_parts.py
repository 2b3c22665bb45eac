"""Cutting a large batch: nothing is lost, doubled or moved, and every part is small."""

import random

import pytest

from storage.model.events import EventBatch
from storage.model.parts import cut
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY, Run, batch_of
from tests.contract.record_versions import readings


def _read(batch: RunBatch | EventBatch) -> list[object]:
    return list(readings(UplinkEntry("zone-3a", 1, b"", batch.encode())))


@pytest.mark.parametrize("max_places", [1, 3, 7, 1000])
@pytest.mark.parametrize("max_readings", [1, 10, 50, 1000])
def test_runs_stay_whole_and_in_order(max_places: int, max_readings: int) -> None:
    rng = random.Random(5)
    batch = batch_of(
        *(
            Run(
                values=[rng.randrange(999) for _ in range(rng.choice([1, 4, 20]))],
                meter_id=f"M-{rng.randrange(9)}",
                day=DAY + at,
            )
            for at in range(40)
        )
    )

    parts = cut(batch, max_places=max_places, max_readings=max_readings)

    assert [one for part in parts for one in _read(part)] == _read(batch)
    for part in parts:
        assert isinstance(part, RunBatch)
        assert part.runs <= max_places
        assert len(part) <= max_readings or part.runs == 1
        assert len(set(part.run_meter.tolist())) == len(part.meters)


@pytest.mark.parametrize("max_places", [1, 3, 1000])
def test_events_are_cut_in_order(max_places: int) -> None:
    batch = events_of(
        *(Event(value=at, at=at, meter_id=f"M-{meter}") for meter in range(4) for at in range(1, 8))
    )

    parts = cut(batch, max_places=max_places, max_readings=20)

    assert [one for part in parts for one in _read(part)] == _read(batch)
    assert all(len(part) <= min(max_places, 20) for part in parts)


def test_what_is_small_enough_is_left_alone() -> None:
    batch = batch_of(Run(values=[1, 2]))

    assert cut(batch, max_places=1, max_readings=2) == [batch]
