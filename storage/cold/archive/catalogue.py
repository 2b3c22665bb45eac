"""The archive's catalogue: which files hold what left the record, and how they are erased."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.cold.archive.moving import Connection
from storage.cold.archive.parquet_file import hash_of
from storage.model.runs import DAY_S

_FILES = """
    SELECT path, sha256, size, readings, blocks, first_day, last_day, interval_s, register
    FROM archive_files WHERE dropped_at IS NOT NULL ORDER BY first_day, path
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A file that holds what is in the record no more."""

    path: str
    sha256: str
    size: int
    readings: int
    blocks: int
    first_day: int
    last_day: int
    interval_s: int
    register: str

    @property
    def month(self) -> str:
        """The month of its days, as YYYY-MM."""
        return datetime.fromtimestamp(self.first_day * DAY_S, UTC).strftime("%Y-%m")


async def files_of(connection: Connection) -> list[ArchiveFile]:
    """Every such file, oldest days first."""
    return [ArchiveFile(**dict(row)) for row in await connection.fetch(_FILES)]


def damage_of(file: ArchiveFile, *, root: Path) -> str | None:
    """What is wrong with a file, None when it is as it was written."""
    try:
        found = hash_of(root / file.path)
    except OSError as error:
        return str(error)
    return None if found == file.sha256 else f"SHA-256 {found}, not {file.sha256}"


async def erase(connection: Connection, file: ArchiveFile, *, root: Path) -> None:
    """Erase a file for good, and forget it.

    Raises:
        OSError: it cannot be erased, and is not forgotten.
    """
    (root / file.path).unlink(missing_ok=True)
    await connection.execute("DELETE FROM archive_files WHERE path = $1", file.path)
