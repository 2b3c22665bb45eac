"""Days, months and hours of a time zone, over the changes of its clocks."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from functions.mdms.calendar_buckets import Step, bucket_bounds, read_step, zone_named
from functions.mdms.period_query import BadPeriod


def hours(begin: str, end: str, step: Step, zone: str) -> list[float]:
    named = ZoneInfo(zone)
    begin_s, end_s = (
        int(datetime.fromisoformat(one).replace(tzinfo=named).timestamp()) for one in (begin, end)
    )
    bounds = bucket_bounds(begin_s=begin_s, end_s=end_s, step=step, zone=named).tolist()
    assert (bounds[0], bounds[-1]) == (begin_s, end_s)
    return [(b - a) / 3_600 for a, b in pairwise(bounds)]


@pytest.mark.parametrize(
    ("begin", "end", "step", "zone", "lengths"),
    [
        pytest.param("2026-01-01", "2026-01-04", "day", "Asia/Baghdad", [24, 24, 24], id="days"),
        pytest.param(
            "2026-03-28",
            "2026-03-31",
            "day",
            "Europe/Berlin",
            [24, 23, 24],
            id="goes_forward",
        ),
        pytest.param(
            "2026-10-24", "2026-10-27", "day", "Europe/Berlin", [24, 25, 24], id="goes_back"
        ),
        pytest.param(
            "2018-11-03", "2018-11-06", "day", "America/Sao_Paulo", [24, 23, 24], id="no_midnight"
        ),
        pytest.param(
            "2026-01-01T06:00", "2026-01-02T18:00", "day", "UTC", [18, 18], id="cut_off_days"
        ),
        pytest.param(
            "2026-01-15", "2026-04-01", "month", "Europe/Berlin", [408, 672, 743], id="months"
        ),
        pytest.param("2026-03-29", "2026-03-30", 3_600, "Europe/Berlin", [1] * 23, id="23_hours"),
        pytest.param("2026-10-25", "2026-10-26", 3_600, "Europe/Berlin", [1] * 25, id="25_hours"),
        pytest.param(
            "2026-03-29", "2026-03-30", 21_600, "Europe/Berlin", [6, 6, 6, 5], id="a_short_quarter"
        ),
        pytest.param(
            "2026-01-01T00:00", "2026-01-01T02:00", 3_600, "Asia/Kolkata", [1, 1], id="half_hour"
        ),
    ],
)
def test_buckets(begin: str, end: str, step: Step, zone: str, lengths: list[float]) -> None:
    assert hours(begin, end, step, zone) == lengths


@pytest.mark.parametrize("text", ["", "week", "-900", "7000", "86400", "60", "900.0", "٣٦٠٠"])
def test_steps_that_are_none(text: str) -> None:
    with pytest.raises(BadPeriod):
        read_step(text)


def test_steps() -> None:
    assert [read_step(one) for one in ("day", "month", "900")] == ["day", "month", 900]


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Asia", "a" * 99])
def test_a_zone_that_is_none(name: str) -> None:
    with pytest.raises(BadPeriod, match="time zone"):
        zone_named(name)


def test_the_calendar_has_an_end() -> None:
    with pytest.raises(BadPeriod, match="9999"):
        bucket_bounds(begin_s=0, end_s=253_402_300_000, step="day", zone=ZoneInfo("UTC"))
