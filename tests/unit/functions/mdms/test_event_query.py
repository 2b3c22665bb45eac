"""Which event blocks a period needs, what of them it shows, and where a page ends."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from functions.mdms.cursor import BadCursor, write_cursor
from functions.mdms.event_query import (
    DAYS_AT_ONCE,
    EventPeriod,
    cursor_after,
    event_period,
    parts_of,
)
from functions.mdms.period_query import BadPeriod
from functions.mdms.revision_query import cursor_after_revision, in_period, page_size, part_of
from storage.model.block import HAS_RAW, PRESENT
from storage.model.event_block import EVENT, EventKey
from storage.model.meter import Meter
from storage.model.revision import Revision
from tests.unit.functions.mdms.bodies import DAY, IMPORT, MIDNIGHT

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def period(begin: datetime, end: datetime, *, cursor: str | None = None) -> EventPeriod:
    return event_period(
        meter=Meter(meter_id="A", registers=(IMPORT,), interval_s=900),
        register=IMPORT,
        begin=begin,
        end=end,
        cursor=cursor,
        max_days=400,
    )


def block(*seconds: int) -> np.ndarray:
    return np.array([(at, at, at, 14, PRESENT | HAS_RAW, 0) for at in seconds], dtype=EVENT)


def key(day: int, interval_s: int = 0) -> EventKey:
    return EventKey("A", IMPORT, day, interval_s)


def instants(found: np.ndarray) -> list[tuple[int, int]]:
    at = (found["at"] - MIDNIGHT).tolist()
    return list(zip(at, found["interval_s"].tolist(), strict=True))


def test_events_of_both_kinds_come_by_instant_and_the_end_is_not_in_it() -> None:
    asked = period(NEW_YEAR + 7 * SECOND, NEW_YEAR + timedelta(days=1, seconds=7))

    found = asked.select(
        {
            key(DAY + 1): block(6, 7),
            key(DAY): block(6, 7, 907),
            key(DAY, 900): block(7, 908),
        }
    )

    assert instants(found) == [(7, 0), (7, 900), (907, 0), (908, 900), (86_406, 0)]


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [
        pytest.param(NEW_YEAR, NEW_YEAR + SECOND, [DAY], id="a_second"),
        pytest.param(NEW_YEAR - SECOND, NEW_YEAR + SECOND, [DAY - 1, DAY], id="over_midnight"),
        pytest.param(NEW_YEAR, NEW_YEAR + timedelta(days=1), [DAY], id="ends_before_midnight"),
        pytest.param(NEW_YEAR - SECOND / 2, NEW_YEAR + SECOND, [DAY], id="begins_within_a_second"),
    ],
)
def test_only_the_blocks_of_the_period_are_asked_for(
    begin: datetime, end: datetime, days: list[int]
) -> None:
    asked = period(begin, end)
    (group,) = asked.day_groups()

    assert [one.day for one in asked.event_keys(group)] == [day for day in days for _ in range(2)]
    assert {one.interval_s for one in asked.event_keys(group)} == {0, 900}
    assert [(one.day, one.interval_s) for one in asked.block_keys(group)] == [
        (day, 900) for day in days
    ]


def test_a_year_is_read_some_days_at_a_time_and_goes_on_where_a_page_ended() -> None:
    end = NEW_YEAR + timedelta(days=365)

    groups = list(period(NEW_YEAR, end).day_groups())
    rest = list(period(NEW_YEAR, end, cursor=write_cursor(MIDNIGHT + 40 * 86_400, 0)).day_groups())

    assert max(map(len, groups)) == DAYS_AT_ONCE
    assert [day for group in groups for day in group] == list(range(DAY, DAY + 365))
    assert [day for group in rest for day in group] == list(range(DAY + 40, DAY + 365))


def test_a_page_goes_on_after_the_last_event_of_the_one_before() -> None:
    blocks = {key(DAY): block(7, 8), key(DAY, 900): block(7, 8)}
    begin, end = NEW_YEAR, NEW_YEAR + timedelta(days=1)
    first = period(begin, end).select(blocks)[:1]

    rest = period(begin, end, cursor=cursor_after(first)).select(blocks)

    assert instants(first) + instants(rest) == [(7, 0), (7, 900), (8, 0), (8, 900)]


def test_an_event_is_laid_out_and_an_estimate_has_no_value() -> None:
    events = block(7, 8)
    events[1] = (8, 0, 30, 8, PRESENT, 2)

    actual, estimate = parts_of(
        period(NEW_YEAR, NEW_YEAR + SECOND * 9).select({key(DAY, 900): events})
    )

    assert (actual.at, actual.interval_s) == ("2026-01-01T00:00:07Z", 900)
    assert (actual.value, actual.final, actual.quality, actual.revision) == (7, 7, 14, 0)
    assert (estimate.value, estimate.final, estimate.quality, estimate.revision) == (None, 30, 8, 2)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(NEW_YEAR, NEW_YEAR, id="empty"),
        pytest.param(NEW_YEAR, NEW_YEAR + timedelta(days=401), id="too_long"),
        pytest.param(datetime(1969, 12, 31, tzinfo=UTC), NEW_YEAR, id="before_1970"),
    ],
)
def test_bad_periods(begin: datetime, end: datetime) -> None:
    with pytest.raises(BadPeriod):
        period(begin, end)


@pytest.mark.parametrize("cursor", ["MTA", "!!", "", "MS4yLjM", "eC55"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        period(NEW_YEAR, NEW_YEAR + SECOND, cursor=cursor)


def revision(at: int, sequence: int, *, interval_s: int = 900) -> Revision:
    return Revision(MIDNIGHT + at, interval_s, sequence, "zone-3a", 5, 0)


def test_a_page_of_revisions_ends_with_the_last_version_of_a_reading() -> None:
    found = [
        revision(0, 1),
        revision(0, 2),
        revision(0, 3),
        revision(900, 1, interval_s=0),
        revision(900, 1),
    ]

    assert [page_size(found, limit) for limit in (1, 3, 4, 5, 9)] == [3, 3, 4, 5, 5]
    assert page_size([], 5) == 0


def test_revisions_of_the_period_go_on_after_a_page() -> None:
    found = [revision(at, 1) for at in (-900, 0, 900, 1_800)]
    begin, end = NEW_YEAR, NEW_YEAR + 1_800 * SECOND

    assert in_period(found, period(begin, end)) == found[1:3]
    cursor = cursor_after_revision(found[1])
    assert in_period(found, period(begin, end, cursor=cursor)) == found[2:3]


def test_a_revision_says_when_it_was_taken() -> None:
    part = part_of(revision(900, 1_767_227_402_250_118))

    assert (part.at, part.interval_s) == ("2026-01-01T00:15:00Z", 900)
    assert part.acknowledged_at == "2026-01-01T00:30:02.250118Z"
