"""Ledger records on their way to headquarters: a range of a segment's bytes, compressed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import zstandard

from storage.platform.ledger.record import CallRecord, Record
from storage.platform.ledger.segment import read_records, whole_bytes
from storage.platform.usage.tally import Tally

BATCH_BYTES: Final = 512 * 1024
"""Of frames, before they are compressed."""

MEDIA_TYPE: Final = "application/x-gridfaas-ledger"
_LEVEL: Final = 3
_SEGMENT: Final = re.compile(r"[0-9A-Za-z._-]{1,100}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BatchUnreadable(ValueError):
    """The bytes are no batch of the zone that sent them; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBatch:
    """Whole frames from byte `offset` of a zone's segment on; times are aware UTC.

    What is in a segment never changes, so zone, segment and offset name the records: a batch that
    comes twice is known by them. `calls` counts invocations, `tally` is what they add up to.
    """

    zone: str
    segment: str
    offset: int
    body: bytes
    size: int
    calls: int
    first_at: datetime | None
    last_at: datetime | None
    tally: Tally


def pack_frames(frames: bytes) -> bytes:
    """Compress whole frames for the way."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(frames)


def unpack_frames(body: bytes) -> bytes:
    """Return the frames of a body that `pack_frames` made.

    Raises:
        BatchUnreadable: it is none, or holds more than `BATCH_BYTES`.
    """
    try:
        # Said in the frame's head, and what follows cannot be more than it says.
        size = zstandard.frame_content_size(body)
        if not 0 <= size <= BATCH_BYTES:
            raise BatchUnreadable(f"not said to be at most {BATCH_BYTES} bytes of frames")
        return zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BatchUnreadable(f"not zstd: {error}") from error


def read_batch(*, zone: str, segment: str, offset: int, body: bytes) -> LedgerBatch:
    """Check a batch as it came over the wire; an empty body is a question for the next offset.

    Raises:
        BatchUnreadable: a name that is no segment's, broken frames, or records of another zone.
    """
    if _SEGMENT.fullmatch(segment) is None:
        raise BatchUnreadable("the segment's name is of other characters, or too long")
    frames = unpack_frames(body) if body else b""
    if whole_bytes(frames) != len(frames):
        raise BatchUnreadable("a frame is broken")
    try:
        records: list[Record] = list(read_records(frames))
    except msgspec.DecodeError as error:
        raise BatchUnreadable(f"a frame holds no record: {error}") from error
    for record in records:
        if record.zone != zone:
            raise BatchUnreadable(f"a record of zone {record.zone[:40]!r} among those of {zone}")
    instants = [record.at_us for record in records]
    try:
        first_at, last_at = (
            (_instant(min(instants)), _instant(max(instants)))
            if records
            else (
                None,
                None,
            )
        )
    except OverflowError as error:
        raise BatchUnreadable("a record's instant is none") from error
    tally = Tally()
    tally.count(records)
    return LedgerBatch(
        zone=zone,
        segment=segment,
        offset=offset,
        body=body,
        size=len(frames),
        calls=sum(isinstance(record, CallRecord) for record in records),
        first_at=first_at,
        last_at=last_at,
        tally=tally,
    )


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
