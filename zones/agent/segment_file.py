"""A ledger segment as its shipper sees it: a growing file, locked by the gateway that writes it."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from storage.platform.ledger.batch import BATCH_BYTES
from storage.platform.ledger.segment import SUFFIX, is_torn, whole_bytes

DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What stands in a segment from some byte on.

    `frames` are whole; `at_end` means that there are none and will never be more, `damaged` that
    something stands there that is neither a frame nor the beginning of one.
    """

    frames: bytes
    at_end: bool
    damaged: bool


def segments_of(folder: Path) -> list[Path]:
    """Return the segments in the order in which they were begun."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_piece(path: Path, offset: int) -> Piece:
    """Read at most `BATCH_BYTES` of whole frames from `offset` on.

    Raises:
        FileNotFoundError: the segment is gone.
    """
    with path.open("rb") as file:
        # Asked before reading: what is written between the two is read as well.
        finished = _finished(file.fileno())
        file.seek(offset)
        content = file.read(BATCH_BYTES)
    whole = whole_bytes(content)
    at_end = finished and whole == 0
    return Piece(
        frames=content[:whole],
        at_end=at_end,
        damaged=at_end and len(content) > 0 and not is_torn(content),
    )


def set_aside(path: Path) -> Path:
    """Rename a segment that cannot be read to its end, so that somebody looks at it."""
    return path.rename(path.with_name(f"{path.name}{DAMAGED}"))


def remove(path: Path) -> None:
    """Remove a segment for good: a removal that a crash undoes would only be sent again."""
    path.unlink(missing_ok=True)


def _finished(descriptor: int) -> bool:
    """Whether no gateway writes this file any more: a writer holds its lock while it lives."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def size_of(path: Path) -> int:
    """Bytes of the file, 0 when it is gone."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
