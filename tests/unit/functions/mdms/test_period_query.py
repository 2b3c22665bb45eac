"""Which blocks a period needs, and how its intervals are laid out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from functions.mdms.cursor import BadCursor
from functions.mdms.period_query import BadPeriod, Page, columns, page_of
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.meter import EarlierLength, Meter
from tests.unit.functions.mdms.bodies import DAY, IMPORT

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def page(begin: datetime, end: datetime, *, limit: int = 5_000, cursor: str | None = None) -> Page:
    return page_of(
        meter=Meter(meter_id="A", registers=(IMPORT,), interval_s=3_600),
        register=IMPORT,
        begin=begin,
        end=end,
        limit=limit,
        cursor=cursor,
        max_days=400,
    )


def block(*values: tuple[int, int]) -> np.ndarray:
    slots = np.zeros(24, dtype=SLOT)
    for slot, value in values:
        slots[slot] = (value, value, 14, PRESENT | HAS_RAW, 0)
    return slots


def key(day: int) -> BlockKey:
    return BlockKey("A", IMPORT, day, 3_600)


@pytest.mark.parametrize(
    ("begin", "end", "days", "intervals"),
    [
        pytest.param(MIDNIGHT, MIDNIGHT + 24 * HOUR, [DAY], 24, id="a_day_ends_before_midnight"),
        pytest.param(MIDNIGHT - HOUR, MIDNIGHT + HOUR, [DAY - 1, DAY], 2, id="over_midnight"),
        pytest.param(MIDNIGHT + HOUR / 2, MIDNIGHT + 2 * HOUR, [DAY], 1, id="starts_off_the_grid"),
        pytest.param(MIDNIGHT, MIDNIGHT + HOUR / 2, [DAY], 1, id="ends_off_the_grid"),
        pytest.param(MIDNIGHT + HOUR / 4, MIDNIGHT + HOUR / 2, None, 0, id="between_two_starts"),
    ],
)
def test_a_period_is_half_open(
    begin: datetime, end: datetime, days: list[int] | None, intervals: int
) -> None:
    found = page(begin, end)

    assert found.end - found.first == intervals
    if days is not None:
        assert [one.day for one in found.block_keys()] == days
    assert found.cursor() is None


def test_slots_of_several_days_lie_end_to_end_and_absent_ones_are_none() -> None:
    found = page(MIDNIGHT + 22 * HOUR, MIDNIGHT + 26 * HOUR)

    laid_out = columns(found.slots({key(DAY): block((22, 5)), key(DAY + 1): block((0, 7), (2, 9))}))

    assert laid_out["values"] == [5, None, 7, None]
    assert laid_out["final"] == [5, None, 7, None]
    assert laid_out["quality"] == [14, None, 14, None]
    assert laid_out["revision"] == [0, None, 0, None]
    assert found.instant(found.first) == "2026-01-01T22:00:00Z"


def test_a_zero_is_a_value_and_an_estimate_has_no_raw_value() -> None:
    slots = np.zeros(2, dtype=SLOT)
    slots[0] = (0, 0, 0, PRESENT | HAS_RAW, 0)
    slots[1] = (0, 30, 8, PRESENT, 1)

    laid_out = columns(slots)

    assert laid_out["values"] == [0, None]
    assert laid_out["final"] == [0, 30]


def test_pages_follow_one_another_to_the_end() -> None:
    begin, end = MIDNIGHT, MIDNIGHT + 50 * HOUR
    pages, cursor = [], None
    while True:
        found = page(begin, end, limit=20, cursor=cursor)
        pages.append((found.first, found.end))
        cursor = found.cursor()
        if cursor is None:
            break

    first = DAY * 24
    assert pages == [(first, first + 20), (first + 20, first + 40), (first + 40, first + 50)]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(MIDNIGHT, MIDNIGHT, id="empty"),
        pytest.param(MIDNIGHT, MIDNIGHT - HOUR, id="backwards"),
        pytest.param(MIDNIGHT, MIDNIGHT + timedelta(days=401), id="too_long"),
        pytest.param(datetime(1969, 12, 31, tzinfo=UTC), MIDNIGHT, id="before_1970"),
    ],
)
def test_bad_periods(begin: datetime, end: datetime) -> None:
    with pytest.raises(BadPeriod):
        page(begin, end)


@pytest.mark.parametrize("cursor", ["MTA", "!!", "", "eA", "w6k"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        page(MIDNIGHT, MIDNIGHT + HOUR, cursor=cursor)


def test_a_page_ends_where_the_length_changes_and_the_next_one_goes_on_there() -> None:
    noon = int(MIDNIGHT.timestamp()) + 12 * 3_600
    meter = Meter(
        meter_id="A",
        registers=(IMPORT,),
        interval_s=900,
        interval_since_s=noon,
        earlier=(EarlierLength(noon, 3_600),),
    )
    pages, cursor = [], None
    while True:
        found = page_of(
            meter=meter,
            register=IMPORT,
            begin=MIDNIGHT,
            end=MIDNIGHT + 14 * HOUR,
            limit=8,
            cursor=cursor,
            max_days=400,
        )
        pages.append((found.interval_s, found.instant(found.first), found.end - found.first))
        cursor = found.cursor()
        if cursor is None:
            break

    assert pages == [
        (3_600, "2026-01-01T00:00:00Z", 8),
        (3_600, "2026-01-01T08:00:00Z", 4),
        (900, "2026-01-01T12:00:00Z", 8),
    ]
