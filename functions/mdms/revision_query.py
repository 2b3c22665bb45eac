"""Reading what was replaced in a period: which versions, and where a page of them ends."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from functions.mdms.cursor import write_cursor
from functions.mdms.event_query import EventPeriod
from functions.mdms.period_query import instant_text
from functions.mdms.query_schema import RevisionPart
from storage.model.revision import Revision

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def in_period(revisions: Iterable[Revision], period: EventPeriod) -> list[Revision]:
    """The versions of readings in the period, after the page before."""
    after = (-1, 0) if period.after is None else period.after
    return [
        one
        for one in revisions
        if period.begin_s <= one.at < period.end_s and (one.at, one.interval_s) > after
    ]


def page_size(revisions: list[Revision], limit: int) -> int:
    """How many of the sorted `revisions` make a page: `limit`, and the rest of its last reading."""
    size = min(limit, len(revisions))
    while 0 < size < len(revisions) and _reading(revisions[size]) == _reading(revisions[size - 1]):
        size += 1
    return size


def cursor_after_revision(last: Revision) -> str:
    """The cursor of the page that ends with `last`."""
    return write_cursor(*_reading(last))


def part_of(revision: Revision) -> RevisionPart:
    """Lay a version out as the answer's part."""
    acknowledged = _EPOCH + timedelta(microseconds=revision.sequence)
    return RevisionPart(
        at=instant_text(revision.at),
        interval_s=revision.interval_s,
        value=revision.value,
        quality=revision.quality,
        acknowledged_at=acknowledged.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        edge=revision.edge,
        sequence=revision.sequence,
    )


def _reading(revision: Revision) -> tuple[int, int]:
    return revision.at, revision.interval_s
