"""The form of a ledger file: frames of length, CRC-32 and a MessagePack record."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from storage.platform.ledger.record import CallRecord, Record, StorageSample

SUFFIX: Final = ".ledger"
MAX_RECORD_BYTES: Final = 4096
_FRAME: Final = struct.Struct("<II")
_ENCODER: Final = msgspec.msgpack.Encoder()
_CALLS: Final = msgspec.msgpack.Decoder(CallRecord)
_SAMPLES: Final = msgspec.msgpack.Decoder(StorageSample)


def frame(record: Record | tuple[object, ...]) -> bytes:
    """Encode a record, or all fields of a CallRecord in their order, as it stands in a segment."""
    payload = _ENCODER.encode(record)
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def whole_bytes(content: bytes | memoryview) -> int:
    """Return how many bytes of `content`, from its start, are whole frames."""
    return sum(_FRAME.size + len(payload) for payload in _payloads(memoryview(content)))


def is_torn(rest: bytes | memoryview) -> bool:
    """Whether what follows the last whole frame can be one that a crash cut short or left empty.

    Anything else is damage: whole frames may stand behind it.
    """
    if len(rest) < _FRAME.size or not any(rest):
        return True
    length: int = _FRAME.unpack_from(rest)[0]
    return length <= MAX_RECORD_BYTES and len(rest) < _FRAME.size + length


def read_records(content: bytes | memoryview) -> Iterator[Record]:
    """Read whole frames, in order, up to the first that is not.

    Raises:
        msgspec.DecodeError: a whole frame holds no record.
    """
    for payload in _payloads(memoryview(content)):
        # Calls are arrays, as they have been from the first segment on; all else is a map.
        yield (_SAMPLES if _is_map(payload[0]) else _CALLS).decode(payload)


def read_frames(content: bytes | memoryview) -> Iterator[CallRecord]:
    """Read the calls of whole frames, as `read_records`."""
    for record in read_records(content):
        if isinstance(record, CallRecord):
            yield record


def read_segment(path: Path) -> Iterator[CallRecord]:
    """Read the calls of a segment's whole frames, in order.

    A crash can leave the last frame torn; reading ends before it. Nothing is ever written behind a
    torn frame, because every start of a gateway begins a segment of its own.
    """
    return read_frames(path.read_bytes())


def read_ledger(folder: Path) -> Iterator[CallRecord]:
    """Read all segments of a folder, oldest first, each call once."""
    seen: set[str] = set()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for record in read_segment(path):
            if record.call_id not in seen:
                seen.add(record.call_id)
                yield record


def _is_map(first: int) -> bool:
    return 0x80 <= first <= 0x8F or first in (0xDE, 0xDF)


def _payloads(content: memoryview) -> Iterator[memoryview]:
    at = 0
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + length]
        # A file's unwritten end reads as zeros, which would pass for empty frames.
        if not payload or len(payload) < length or crc32(payload) != checksum:
            return
        yield payload
        at += _FRAME.size + length
