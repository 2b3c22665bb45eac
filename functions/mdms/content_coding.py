"""Content codings of a body: gzip and zstd undone, never beyond a bound, never cut short."""

import io
import zlib
from typing import Final

import zstandard

from functions.mdms.request_body import BodyTooLarge

CODINGS: Final = ("identity", "gzip", "zstd")
MAX_MEMBERS: Final = 1_024
"""Of a gzip body, each of which costs a copy of what follows it."""
_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_FRAME_MAGIC: Final = 0xFD2FB528
_RUN_OF_ONE_BYTE: Final = 1


class BadCoding(ValueError):
    """The body is not of the content coding that its header names, or it breaks off."""


def decode(body: bytes, *, coding: str, limit: int) -> bytes:
    """Undo `coding`, one of `CODINGS`; at most `limit` bytes and one more are ever made.

    Raises:
        BodyTooLarge: more than `limit` bytes would come out.
        BadCoding: the body is not of that coding, breaks off, or something follows its end.
    """
    if coding == "gzip":
        return _gunzip(body, limit)
    if coding == "zstd":
        return _unzstd(body, limit)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    rest = body
    while rest or not parts:
        if len(parts) == MAX_MEMBERS:
            raise BadCoding(f"the gzip body has more than {MAX_MEMBERS} members")
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, left + 1)
        except zlib.error as error:
            raise BadCoding(f"the body is not gzip: {error}") from error
        if len(part) > left:
            raise BodyTooLarge(limit)
        if not member.eof:
            raise BadCoding("the gzip body breaks off")
        parts.append(part)
        left -= len(part)
        rest = member.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    try:
        # The library takes a frame without its end for a whole one.
        _check_frames(body)
        with decompressor.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
            decoded = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise BadCoding(f"the body is not zstd: {error}") from error
    if len(decoded) > limit:
        raise BodyTooLarge(limit)
    return decoded


def _check_frames(body: bytes) -> None:
    """Walk the block headers of RFC 8878 to see that each frame ends."""
    at = 0
    while at < len(body) or not at:
        frame = memoryview(body)[at:]
        if int.from_bytes(frame[:4], "little") != _FRAME_MAGIC:
            raise BadCoding("the body is not zstd: no frame begins where one should")
        checksum = zstandard.get_frame_parameters(frame).has_checksum
        at += zstandard.frame_header_size(frame)
        last = False
        while not last:
            if at + 3 > len(body):
                raise BadCoding("the zstd body breaks off")
            header = int.from_bytes(body[at : at + 3], "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            at += 3 + (1 if kind == _RUN_OF_ONE_BYTE else size)
        at += 4 if checksum else 0
        if at > len(body):
            raise BadCoding("the zstd body breaks off")
