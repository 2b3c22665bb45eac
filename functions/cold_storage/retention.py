"""What a tenant's retention asks for on a day: months to archive, and files to erase."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from functions.cold_storage.settings import ColdStorageSettings
from storage.cold.archive.catalogue import ArchiveFile
from storage.cold.archive.moving import Part


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the record or one file, and what is to become of it."""

    action: Literal["archive", "keep", "erase"]
    what: str
    register: str
    interval_s: int
    month: str
    readings: int
    size: int
    reason: str


def archive_before(settings: ColdStorageSettings, today: int) -> int | None:
    """Months that ended before this UTC day leave the record; None for never."""
    after = settings.archives_after
    return None if after is None else today - after


def erase_before(settings: ColdStorageSettings, today: int) -> int | None:
    """Files whose days all lie before this UTC day are erased; None for never."""
    after = settings.erases_after
    return None if after is None else today - after


def planned(
    parts: Sequence[Part],
    files: Sequence[ArchiveFile],
    settings: ColdStorageSettings,
    *,
    today: int,
) -> list[Planned]:
    """Say what becomes of each part of the record and of each file, and why."""
    leaving, erased = archive_before(settings, today), erase_before(settings, today)
    found = [
        Planned(
            action="archive" if leaving is not None and part.days[1] < leaving else "keep",
            what="record",
            register=part.register,
            interval_s=part.interval_s,
            month=part.month,
            readings=part.readings,
            size=part.size,
            reason=_why(part.days[1], today, settings.archives_after, "archive_after_days"),
        )
        for part in parts
    ]
    found += [
        Planned(
            action="erase" if erased is not None and file.last_day < erased else "keep",
            what=file.path,
            register=file.register,
            interval_s=file.interval_s,
            month=file.month,
            readings=file.readings,
            size=file.size,
            reason=_why(file.last_day, today, settings.erases_after, "erase_after_days"),
        )
        for file in files
    ]
    return found


def _why(last_day: int, today: int, limit: int | None, name: str) -> str:
    age = today - last_day
    return f"{age} days old, {name} is {'not set' if limit is None else limit}"
