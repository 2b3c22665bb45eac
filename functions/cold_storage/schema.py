"""What the routes of cold_storage say, as JSON."""

import msgspec

from functions.cold_storage.retention import Planned


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's record: sizes in bytes, days as UTC dates, ages in seconds.

    `newest_age_s` is the age of the newest acknowledged entry that the record has; the zones' newer
    ones are on their way. `tail_*` is what was committed and is not folded into blocks yet.
    """

    zone: str
    blocks: int
    event_blocks: int
    readings: int
    block_bytes: int
    oldest_day: str | None
    newest_day: str | None
    tail_entries: int
    tail_oldest_s: float
    archived_files: int
    archived_readings: int
    archived_bytes: int
    newest_age_s: float | None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The retention in force, which is never below the legal minimum."""

    archive_after_days: int | None
    erase_after_days: int | None
    legal_minimum_days: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a meter's day is: in blocks, in the tail, in the archive; several or none."""

    meter_id: str
    register: str
    day: str
    interval_s: int
    tiers: list[str]
    values: int
    revisions: int
    archive_file: str | None
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the retention asks for now; `gridfaas archive` at headquarters does it."""

    dry_run: bool
    plan: list[Planned]
