from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from functions.runtime.readings import BadPeriod, Period, UnknownMeter, period_of
from storage.model.block import PRESENT, SLOT
from storage.model.meter import EarlierLength, Meter

DAY = datetime(2026, 3, 1, tzinfo=UTC)
METER = Meter(meter_id="m-1", registers=("1-0:1.8.0",), interval_s=900)


def period(begin: datetime, end: datetime) -> Period:
    return period_of(METER, meter_id="m-1", register="1-0:1.8.0", begin=begin, end=end)


def test_a_period_is_half_open_and_starts_at_whole_intervals() -> None:
    wanted = period(DAY + timedelta(minutes=1), DAY + timedelta(hours=1))

    starts = np.datetime_as_string(wanted.readings({}).start, unit="m").tolist()
    assert starts == ["2026-03-01T00:15", "2026-03-01T00:30", "2026-03-01T00:45"]


def test_blocks_of_two_days_are_laid_out_and_gaps_stay_absent() -> None:
    wanted = period(DAY - timedelta(minutes=30), DAY + timedelta(minutes=30))
    before, after = wanted.block_keys()
    first, second = np.zeros(96, dtype=SLOT), np.zeros(96, dtype=SLOT)
    first[95] = (10, 10, 14, PRESENT, 0)
    second[1] = (20, 25, 7, PRESENT, 2)

    readings = wanted.readings({before: first, after: second})

    assert readings.present.tolist() == [False, True, False, True]
    assert [(one.start, one.value, one.quality, one.revision) for one in readings] == [
        (DAY - timedelta(minutes=15), 10, 14, 0),
        (DAY + timedelta(minutes=15), 25, 7, 2),
    ]
    assert readings.total == 35
    assert len(readings) == 4


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(DAY, DAY, id="empty"),
        pytest.param(DAY, DAY - timedelta(hours=1), id="backwards"),
        pytest.param(DAY.replace(tzinfo=None), DAY, id="naive"),
        pytest.param(DAY, DAY + timedelta(days=401), id="too_long"),
        pytest.param(datetime(1969, 1, 1, tzinfo=UTC), DAY, id="before_1970"),
    ],
)
def test_periods_that_are_none(begin: datetime, end: datetime) -> None:
    with pytest.raises(BadPeriod):
        period(begin, end)


def test_another_time_zone_names_the_same_instants() -> None:
    baghdad = timezone(timedelta(hours=3))
    same = period(DAY.astimezone(baghdad), (DAY + timedelta(hours=1)).astimezone(baghdad))

    assert same == period(DAY, DAY + timedelta(hours=1))


def test_a_period_goes_across_a_change_of_the_length() -> None:
    change = int((DAY + timedelta(hours=1)).timestamp())
    meter = Meter(
        meter_id="m-1",
        registers=METER.registers,
        interval_s=1_800,
        interval_since_s=change,
        earlier=(EarlierLength(change, 900),),
    )
    wanted = period_of(
        meter,
        meter_id="m-1",
        register="1-0:1.8.0",
        begin=DAY + timedelta(minutes=30),
        end=DAY + timedelta(hours=2),
    )
    quarters, halves = wanted.block_keys()
    before, after = np.zeros(96, dtype=SLOT), np.zeros(48, dtype=SLOT)
    before[2:] = (10, 10, 0, PRESENT, 0)
    after[:] = (20, 20, 0, PRESENT, 0)

    readings = wanted.readings({quarters: before, halves: after})

    assert [(one.start - DAY, one.interval_s, one.value) for one in readings] == [
        (timedelta(minutes=30), 900, 10),
        (timedelta(minutes=45), 900, 10),
        (timedelta(minutes=60), 1_800, 20),
        (timedelta(minutes=90), 1_800, 20),
    ]


@pytest.mark.parametrize(("meter", "register"), [(None, "1-0:1.8.0"), (METER, "1-0:2.8.0")])
def test_a_meter_without_the_register_has_no_period(meter: Meter | None, register: str) -> None:
    with pytest.raises(UnknownMeter, match="m-1"):
        period_of(meter, meter_id="m-1", register=register, begin=DAY, end=DAY + timedelta(hours=1))
