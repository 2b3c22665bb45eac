"""The form of a ledger file: frames of length, CRC-32 and a MessagePack record."""

import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from gateway.ledger.record import CallRecord

SUFFIX = ".ledger"
_FRAME = struct.Struct("<II")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CallRecord)


def frame(record: CallRecord) -> bytes:
    """Encode a record as it stands in a segment."""
    payload = _ENCODER.encode(record)
    return _FRAME.pack(len(payload), crc32(payload)) + payload


def read_segment(path: Path) -> Iterator[CallRecord]:
    """Read the whole records of a segment, in order.

    A crash can leave the last frame torn; reading ends before it. Nothing is ever written behind a
    torn frame, because every start of a gateway begins a segment of its own.
    """
    content = memoryview(path.read_bytes())
    at = 0
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(payload) < length or crc32(payload) != checksum:
            return
        yield _DECODER.decode(payload)
        at += _FRAME.size + length


def read_ledger(folder: Path) -> Iterator[CallRecord]:
    """Read all segments of a folder, oldest first, each call once."""
    seen: set[str] = set()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for record in read_segment(path):
            if record.call_id not in seen:
                seen.add(record.call_id)
                yield record
