"""Estimates as a metering engineer expects them: lines, profiles, proxy days, and what is left."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.estimation.day_calendar import day_calendar
from functions.mdms.estimation.like_day_profile import LikeDayProfile
from functions.mdms.estimation.linear_interpolation import LinearInterpolation
from functions.mdms.estimation.method import Estimates, History
from functions.mdms.estimation.method_list import (
    BadMethod,
    default_methods,
    fill,
    read_method,
)
from functions.mdms.estimation.prolonged import prolonged_runs
from functions.mdms.estimation.proxy_day import ProxyDay
from tests.unit.functions.mdms.estimation.histories import Row, history

SIX_HOURS = 21_600
GAP: Row = (None, None, None, None)


def estimated(found: Estimates, meter: int = 0) -> list[int | None]:
    return [
        value if filled else None
        for value, filled in zip(
            found.energy_wh[meter].tolist(), found.filled[meter].tolist(), strict=True
        )
    ]


def days(*of_day: Row, start: str = "2026-01-05T00:00:00", zone: str = "UTC") -> History:
    """Days of four intervals from a Monday on."""
    row = tuple(value for one in of_day for value in one)
    return history(row, interval_s=SIX_HOURS, start=start, zone=zone)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param((100, None, 200), [None, 150, None], id="the_middle"),
        pytest.param((100, None, None, 130), [None, 110, 120, None], id="thirds"),
        pytest.param((130, None, None, 100), [None, 120, 110, None], id="falling"),
        pytest.param((0, None, 1), [None, 1, None], id="halves_go_up"),
        pytest.param((1, None, 0), [None, 1, None], id="halves_go_up_also_when_falling"),
        pytest.param((None, 5, None), [None, None, None], id="no_neighbour_on_one_side"),
        pytest.param((None, None), [None, None], id="nothing_known"),
        pytest.param((0, *[None] * 8, 90), [None, *range(10, 90, 10), None], id="two_hours"),
        pytest.param((0, *[None] * 9, 90), [None] * 11, id="longer_than_two_hours"),
    ],
)
def test_a_line_between_the_neighbours(row: Row, expected: list[int | None]) -> None:
    assert estimated(LinearInterpolation().estimates(history(row))) == expected


def test_each_meter_has_its_own_line() -> None:
    found = LinearInterpolation().estimates(history((0, None, 20), (40, None, 20), (1, 2, None)))

    assert [estimated(found, meter)[1] for meter in range(3)] == [10, 30, None]


def test_a_profile_of_the_three_nearest_like_days() -> None:
    # Monday to Friday are alike; Monday is the fourth before Friday and does not count.
    held = days((900, 0, 0, 0), (10, 1, 5, 7), (20, 2, 5, 7), (31, 3, 5, 7), (None, None, 5, None))

    assert estimated(LikeDayProfile().estimates(held))[-4:] == [20, 2, None, 7]


def test_a_weekend_is_like_the_weekend_before() -> None:
    work, saturday, sunday = (10, 10, 10, 10), (50, 51, 52, 53), (70, 71, 72, 73)
    week = (work,) * 5 + (saturday, sunday)
    held = days(*week, *(work,) * 5, GAP, GAP)

    for method in (LikeDayProfile(), ProxyDay()):
        assert estimated(method.estimates(held))[-8:] == [50, 51, 52, 53, 70, 71, 72, 73]


def test_a_profile_passes_over_what_is_not_known() -> None:
    held = days((10, 1, 1, 1), (None, 2, 1, 1), (30, 3, 1, 1), (None, None, 1, 1))

    assert estimated(LikeDayProfile().estimates(held))[-4:-2] == [20, 2]
    assert estimated(LikeDayProfile(at_least=3).estimates(held))[-4:-2] == [None, 2]
    assert estimated(LikeDayProfile(days=1).estimates(held))[-4:-2] == [30, 3]


def test_a_proxy_day_knows_every_interval_that_is_wanted() -> None:
    held = days((10, 11, 12, 13), (20, None, 22, 23), (None, None, 32, 33))

    assert estimated(ProxyDay().estimates(held))[-4:] == [10, 11, None, None]
    # Tuesday's own gap has Monday.
    assert estimated(ProxyDay().estimates(held))[5] == 11


def test_a_proxy_day_is_within_reach_and_alike_unless_any_day_will_do() -> None:
    # Friday, Saturday and a gap on Sunday.
    held = days((1, 2, 3, 4), (5, 6, 7, 8), GAP, start="2026-01-09T00:00:00")

    assert estimated(ProxyDay().estimates(held))[-4:] == [None] * 4
    assert estimated(ProxyDay(any_day=True).estimates(held))[-4:] == [5, 6, 7, 8]
    assert estimated(ProxyDay(reach_days=1).estimates(days((1, 2, 3, 4), GAP, GAP)))[-4:] == [
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("start", "intervals"),
    [
        pytest.param("2026-03-28T23:00:00", 23, id="clock_goes_forward_23_hours"),
        pytest.param("2026-10-24T22:00:00", 25, id="clock_goes_back_25_hours"),
    ],
)
def test_a_day_of_a_clock_change_is_laid_out_by_the_wall_clock(start: str, intervals: int) -> None:
    first = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()) // 3_600
    calendar = day_calendar(
        first=first, count=intervals + 1, interval_s=3_600, zone=ZoneInfo("Europe/Berlin")
    )

    assert len(set(calendar.day[:intervals].tolist())) == 1
    assert calendar.day[intervals] == calendar.day[0] + 1
    hours = calendar.slot[:intervals].tolist()
    assert (hours[0], hours[-1]) == (0, 23)
    assert hours.count(2) == {23: 0, 25: 2}[intervals]


def test_a_holiday_is_like_holidays_and_a_weekend_is_the_tenants() -> None:
    calendar = day_calendar(
        first=20_458,  # Monday
        count=7,
        interval_s=86_400,
        zone=ZoneInfo("UTC"),
        weekend=frozenset({4, 5}),
        holidays=frozenset({date(2026, 1, 6), date(2026, 1, 8)}),
    )
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = calendar.kind.tolist()

    assert monday == wednesday == sunday
    assert tuesday == thursday
    assert len({monday, tuesday, friday, saturday}) == 4


def test_the_first_method_that_can_fills_and_none_rests_on_an_estimate() -> None:
    held = days((10, 20, 30, 40), (10, None, None, 40), GAP)
    line = read_method("linear-interpolation", {"longest_minutes": 720})

    found = fill(held, [line, ProxyDay()])

    assert found.method[0].tolist() == [-1] * 5 + [0, 0, -1] + [1] * 4
    assert found.energy_wh[0].tolist()[4:] == [0, 20, 30, 0, 10, 20, 30, 40]


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 1 << 31)), min_size=1, max_size=4 * 14),
    asked=st.lists(st.booleans(), min_size=4 * 14, max_size=4 * 14),
)
def test_what_is_known_is_never_estimated(values: list[int | None], asked: list[bool]) -> None:
    held = history(tuple(values), interval_s=SIX_HOURS)
    wanted = np.array([asked[: len(values)]])
    everything = History(
        energy_wh=held.energy_wh,
        known=held.known,
        wanted=wanted,
        interval_s=held.interval_s,
        calendar=held.calendar,
    )

    found = fill(everything, default_methods())

    assert not ((found.method >= 0) & (held.known | ~wanted)).any()
    assert (found.energy_wh[found.method >= 0] >= 0).all()
    assert (found.energy_wh <= max([value or 0 for value in values])).all()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        pytest.param("guess", {}, id="unknown"),
        pytest.param("proxy-day", {"days": 3}, id="another_methods_parameter"),
        pytest.param("like-day-profile", {"days": 0}, id="out_of_range"),
        pytest.param("like-day-profile", {"days": "3"}, id="wrong_type"),
    ],
)
def test_a_method_that_means_nothing(name: str, parameters: dict[str, object]) -> None:
    with pytest.raises(BadMethod):
        read_method(name, parameters)


def test_prolonged_is_longer_than_the_limit() -> None:
    estimated = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1], dtype=np.bool_)

    def runs(hours: int) -> list[tuple[int, int]]:
        return list(prolonged_runs(estimated, interval_s=3_600, longest_hours=hours))

    assert runs(2) == [(3, 3), (7, 4)]
    assert runs(3) == [(7, 4)]
    assert runs(4) == []
