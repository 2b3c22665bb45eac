"""Which period an interval is of, on days of every length."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from functions.mdms.period_query import BadPeriod
from functions.mdms.time_of_use import NONE, TimeOfUse, read_time_of_use
from storage.model.runs import DAY_S

PEAK = "peak,mon-fri,17:00-21:00"
NIGHT = "night,all,00:00-06:00"


def tariff(*windows: str, zone: str = "UTC", holidays: tuple[date, ...] = ()) -> TimeOfUse:
    return read_time_of_use(windows, otherwise="off-peak", holidays=holidays, zone=ZoneInfo(zone))


def hours(
    of: TimeOfUse, begin: datetime, end: datetime, *, interval_s: int = 900
) -> dict[str, float]:
    """Hours of each period in `[begin, end)`."""
    begin_s, end_s = int(begin.timestamp()), int(end.timestamp())
    days = range(begin_s // DAY_S, -(-end_s // DAY_S))
    found = of.classes(interval_s, begin_s=begin_s, end_s=end_s, days=days)
    assert found.shape == (len(days), DAY_S // interval_s)
    counts = np.bincount(found[found != NONE], minlength=len(of.periods))
    return dict(zip(of.periods, (counts * interval_s / 3600).tolist(), strict=True))


def local(zone: str, *when: int) -> datetime:
    year, month, day = when
    return datetime(year, month, day, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("day", "next_day", "night", "rest"),
    [
        pytest.param((2026, 3, 27), (2026, 3, 28), 6, 14, id="a_friday"),
        pytest.param((2026, 3, 29), (2026, 3, 30), 5, 18, id="clock_goes_forward_on_a_sunday"),
        pytest.param((2026, 10, 25), (2026, 10, 26), 7, 18, id="clock_goes_back_on_a_sunday"),
        pytest.param((2026, 3, 28), (2026, 3, 29), 6, 18, id="a_saturday_has_no_peak"),
    ],
)
@pytest.mark.parametrize("interval_s", [900, 1800, 300])
def test_a_local_day(
    day: tuple[int, ...], next_day: tuple[int, ...], night: float, rest: float, interval_s: int
) -> None:
    zone = "Europe/Berlin"
    of = tariff(PEAK, NIGHT, zone=zone)

    found = hours(of, local(zone, *day), local(zone, *next_day), interval_s=interval_s)

    peak = 4.0 if night == 6 and rest == 14 else 0.0
    assert found == {"peak": peak, "night": night, "off-peak": rest}


def test_a_zone_with_an_offset_of_a_half_hour() -> None:
    zone = "Asia/Kolkata"
    found = hours(
        tariff(PEAK, zone=zone), local(zone, 2026, 1, 1), local(zone, 2026, 2, 1), interval_s=1800
    )

    # 22 weekdays of 31 days.
    assert found == {"peak": 88.0, "off-peak": 31 * 24 - 88.0}


def test_the_peak_is_at_the_same_local_time_in_summer_and_winter() -> None:
    of = tariff(PEAK, zone="Europe/Berlin")
    for when, utc_hour in (((2026, 1, 5), 16), ((2026, 7, 6), 15)):
        midnight = int(datetime(*when, tzinfo=UTC).timestamp())
        day = range(midnight // DAY_S, midnight // DAY_S + 1)
        [row] = of.classes(3600, begin_s=midnight, end_s=midnight + DAY_S, days=day)
        assert np.flatnonzero(row == of.periods.index("peak")).tolist() == [
            utc_hour + n for n in range(4)
        ]


def test_a_holiday_is_no_weekday_and_the_first_window_decides() -> None:
    of = tariff(PEAK, "feast,holiday,12:00-24:00", holidays=(date(2026, 1, 1),))

    thursday = hours(of, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    friday = hours(of, datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    both = tariff("a,all,00:00-12:00", "b,all,06:00-24:00")

    assert thursday == {"peak": 0, "feast": 12, "off-peak": 12}
    assert friday == {"peak": 4, "feast": 0, "off-peak": 20}
    assert hours(both, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)) == {
        "a": 12,
        "b": 12,
        "off-peak": 0,
    }


def test_slots_outside_of_the_period_are_of_none() -> None:
    begin = int(datetime(2026, 1, 1, 6, tzinfo=UTC).timestamp())
    day = begin // DAY_S
    [row] = tariff().classes(3600, begin_s=begin, end_s=begin + 7200, days=range(day, day + 1))

    assert np.flatnonzero(row != NONE).tolist() == [6, 7]


@pytest.mark.parametrize(
    "window",
    [
        "peak",
        "peak,mon-fri,17:00",
        "Peak,mon-fri,17:00-21:00",
        "peak,mon-fry,17:00-21:00",
        "peak,fri-mon,17:00-21:00",
        "peak,holiday-mon,17:00-21:00",
        "peak,all,21:00-17:00",
        "peak,all,17:00-17:00",
        "peak,all,17:00-24:01",
        "peak,,17:00-21:00",
        "peak,mon+,17:00-21:00",
    ],
)
def test_windows_that_cannot_be_read(window: str) -> None:
    with pytest.raises(BadPeriod, match="window"):
        tariff(window)


def test_too_many_windows() -> None:
    with pytest.raises(BadPeriod, match="at most"):
        tariff(*[PEAK] * 49)
