"""When a schedule is due: cron in a time zone, over the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS: Final = 5
RECENT: Final = timedelta(days=2)


class ScheduleRefused(ValueError):
    """The cron expression or the time zone cannot be used."""


def latest_due(
    *, cron: str, time_zone: str | None, after: datetime, now: datetime
) -> datetime | None:
    """Return the last instant in `(after, now]` at which the schedule is due; None if none is.

    `after` and `now` are aware; the answer is UTC. `time_zone` is IANA's name, None for UTC. Rules
    on the days of a clock change are Debian cron's: an expression with fixed hours and minutes
    runs once where the hour is doubled, and right after the gap where it is skipped; one with `*`
    or `*/n` in hours or minutes goes by elapsed time.

    Raises:
        ScheduleRefused: the expression has not five fields, or cannot be read, or no zone is
            named so.
    """
    zone = _zone(time_zone)
    if len(cron.split()) != FIELDS:
        raise ScheduleRefused(f"{cron!r} has not the five fields of cron")
    # Forward over the last days only: a schedule of every minute may have slept for months.
    recent = max(after, now - RECENT)
    found = None
    try:
        for moment in CronSim(cron, recent.astimezone(zone)):
            due = moment.astimezone(UTC)
            if due > now:
                break
            found = due
        if found is None and recent > after:
            older = next(CronSim(cron, recent.astimezone(zone), reverse=True), None)
            if older is not None and older > after:
                found = older.astimezone(UTC)
    except CronSimError as error:
        raise ScheduleRefused(f"{cron!r}: {error}") from error
    return found


def next_due(*, cron: str, time_zone: str | None, after: datetime) -> datetime:
    """Return the first instant after `after` at which the schedule is due; as `latest_due`.

    A schedule that is never due again is due at the end of time.
    """
    zone = _zone(time_zone)
    if len(cron.split()) != FIELDS:
        raise ScheduleRefused(f"{cron!r} has not the five fields of cron")
    try:
        moment = next(CronSim(cron, after.astimezone(zone)), None)
    except CronSimError as error:
        raise ScheduleRefused(f"{cron!r}: {error}") from error
    return datetime.max.replace(tzinfo=UTC) if moment is None else moment.astimezone(UTC)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleRefused(f"{name!r} is no time zone") from error
