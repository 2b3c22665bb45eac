"""What is told of a payload without opening it is what opening it tells."""

import pytest

from storage.cold.named import Named
from storage.cold.outline import outline
from storage.cold.tail import open_entry, seal
from storage.model.uplink import UplinkEntry
from tests.contract.event_readings import Event
from tests.contract.hot_readings import DAY, Run
from tests.contract.record_versions import a_day_of_traffic, entry, event_entry


@pytest.mark.parametrize("seed", range(5))
def test_days_and_readings_are_those_of_the_batch(seed: int) -> None:
    for each in a_day_of_traffic(seed):
        opened = open_entry(each)
        told = outline(each.payload)
        assert told is not None
        assert told.readings == len(opened.batch)
        days = opened.days
        assert told.days == ((int(days.min()), int(days.max())) if len(days) else None)
        assert seal([each]).readings == int((~opened.excluded).sum())


def test_excluded_readings_do_not_count() -> None:
    some = entry(Run(values=[1, 2, 3]), sequence=1, excluded=[0, 2])
    # Bits behind the last reading are nobody's.
    padded = UplinkEntry(some.edge, 2, bytes((some.excluded[0] | 0xF8, 0xFF)), some.payload)

    assert seal([some]).readings == 1
    assert seal([padded]).readings == 1


@pytest.mark.parametrize(
    "payload",
    [b"", b"rubbish", b"\x9a\x01", entry(Run(values=[1]), sequence=1).payload[:-1]],
    ids=["empty", "rubbish", "begun", "cut_short"],
)
def test_what_is_no_batch_has_no_outline(payload: bytes) -> None:
    assert outline(payload) is None


def test_a_day_that_no_date_has_leaves_the_rows_days_alone() -> None:
    row = seal(
        [entry(Run(values=[1]), sequence=1), entry(Run(values=[1, 2], day=10**9), sequence=2)]
    )

    assert (row.first_day, row.last_day, row.readings) == (DAY, DAY, 1)


@pytest.mark.parametrize("count", [1, 4, 5, 200])
def test_a_meter_is_found_wherever_it_is_named(count: int) -> None:
    runs = entry(*(Run(values=[n], meter_id=f"M-{n}") for n in range(1000, 1030)), sequence=1)
    events = event_entry(Event(value=1, meter_id="zähler ß"), sequence=2)
    others = frozenset(f"other-{n}" for n in range(count - 1))

    assert Named(others | {"M-1029"}).may_be_in(runs.payload)
    assert Named(others | {"zähler ß"}).may_be_in(events.payload)
    assert not Named(others | {"M-2000"}).may_be_in(runs.payload)
    assert not Named(others | {"M-2000"}).may_be_in(events.payload)
