"""When schedules are due, over clock changes and long sleeps."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.messaging.cron import ScheduleRefused, latest_due

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def all_due(cron: str, time_zone: str | None, start: str, end: str) -> list[str]:
    """Every instant that fires when the clock is looked at each half minute."""
    fired, last, now = [], utc(start), utc(start)
    while now <= utc(end):
        due = latest_due(cron=cron, time_zone=time_zone, after=last, now=now)
        if due is not None:
            fired.append(due.strftime("%d %H:%M"))
            last = due
        now += timedelta(seconds=30)
    return fired


@pytest.mark.parametrize(
    ("cron", "time_zone", "start", "end", "expected"),
    [
        pytest.param(
            "*/15 * * * *", None, "2026-01-01 00:00", "2026-01-01 00:31",
            ["01 00:15", "01 00:30"], id="every_quarter_of_an_hour",
        ),
        pytest.param(
            "0 6 * * *", "Asia/Baghdad", "2026-01-01 00:00", "2026-01-01 12:00",
            ["01 03:00"], id="six_in_baghdad_is_three_in_utc",
        ),
        pytest.param(
            "30 2 * * *", BERLIN, "2026-10-24 20:00", "2026-10-25 06:00",
            ["25 00:30"], id="the_doubled_hour_runs_once",
        ),
        pytest.param(
            "30 2 * * *", BERLIN, "2026-03-28 20:00", "2026-03-29 06:00",
            ["29 01:00"], id="the_skipped_hour_runs_right_after_the_gap",
        ),
        pytest.param(
            "30 * * * *", BERLIN, "2026-10-24 23:00", "2026-10-25 02:45",
            ["24 23:30", "25 00:30", "25 01:30", "25 02:30"], id="each_hour_that_passes",
        ),
        pytest.param(
            "0 0 1 * *", "Asia/Baghdad", "2026-01-30 00:00", "2026-02-02 00:00",
            ["31 21:00"], id="the_first_of_the_month_begins_in_the_tenants_zone",
        ),
    ],
)  # fmt: skip
def test_due(cron: str, time_zone: str | None, start: str, end: str, expected: list[str]) -> None:
    assert all_due(cron, time_zone, start, end) == expected


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        pytest.param(
            "* * * * *", "2025-01-01 00:00", "2026-06-15 12:00", id="every_minute_for_long"
        ),
        pytest.param("0 0 1 * *", "2026-01-05 00:00", "2026-06-01 00:00", id="months_are_one"),
        pytest.param("0 0 1 * *", "2026-06-01 00:00", None, id="nothing_since"),
        pytest.param("0 3 * * *", "2026-06-15 03:00", None, id="the_last_one_has_fired"),
    ],
)
def test_of_missed_instants_the_last_is_due(cron: str, after: str, expected: str | None) -> None:
    due = latest_due(cron=cron, time_zone=None, after=utc(after), now=utc("2026-06-15 12:00"))

    assert due == (None if expected is None else utc(expected))


@pytest.mark.parametrize(
    ("cron", "time_zone"),
    [
        ("61 * * * *", None),
        ("* * * *", None),
        ("0 * * * * *", None),
        ("* * * * *", "Asia/Nowhere"),
        ("* * * * *", "../etc/passwd"),
    ],
)
def test_what_cannot_be_read_is_refused(cron: str, time_zone: str | None) -> None:
    now = utc("2026-06-15 12:00")
    with pytest.raises(ScheduleRefused):
        latest_due(cron=cron, time_zone=time_zone, after=now, now=now)
