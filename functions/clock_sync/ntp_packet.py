"""The 48 bytes of an NTP header (RFC 5905 section 7.3), as far as a server needs them."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 48
CLIENT_MODE: Final = 3
SERVER_MODE: Final = 4
VERSIONS: Final = range(1, 5)
LEAP_NONE: Final = 0
LEAP_UNKNOWN: Final = 3
PRECISION_LOG2_S: Final = -20
"""A microsecond, to the next power of two."""
KISS_RATE: Final = b"RATE"
NOT_YET: Final = b"INIT"
LOCAL: Final = b"LOCL"

_HEADER: Final = struct.Struct(">BBbbII4sQQQQ")
_SECONDS_1900_TO_1970: Final = 2_208_988_800
_ERA: Final = 1 << 64


class MalformedPacket(ValueError):
    """No question of an NTP client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What of a client's packet goes into the answer; `transmit` is the client's own 64 bits."""

    version: int
    poll: int
    transmit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's packet; instants and lengths in microseconds, `reference_us` None for never."""

    leap: int
    stratum: int
    root_delay_us: float
    root_dispersion_us: float
    reference_id: bytes
    reference_us: int | None
    receive_us: int
    transmit_us: int


def read_question(packet: bytes) -> Question:
    """Read a client's packet. What may follow the header (extensions, a digest) is not looked at.

    Raises:
        MalformedPacket: too short, of another version, or not a client's.
    """
    if len(packet) < HEADER_BYTES or len(packet) % 4:
        raise MalformedPacket(f"{len(packet)} bytes")
    first, _, poll, _, _, _, _, _, _, _, transmit = _HEADER.unpack_from(packet)
    version, mode = first >> 3 & 7, first & 7
    if version not in VERSIONS or mode != CLIENT_MODE:
        raise MalformedPacket(f"version {version}, mode {mode}")
    return Question(version=version, poll=poll, transmit=transmit)


def write_answer(question: Question, answer: Answer) -> bytes:
    """Write the server's packet to a question."""
    return _HEADER.pack(
        answer.leap << 6 | question.version << 3 | SERVER_MODE,
        answer.stratum,
        question.poll,
        PRECISION_LOG2_S,
        short_format(answer.root_delay_us),
        short_format(answer.root_dispersion_us),
        answer.reference_id,
        0 if answer.reference_us is None else timestamp(answer.reference_us),
        question.transmit,
        timestamp(answer.receive_us),
        timestamp(answer.transmit_us),
    )


def write_rate_kiss(question: Question) -> bytes:
    """Write a kiss-o'-death that asks the client to send less often (RFC 5905 section 7.4)."""
    return _HEADER.pack(
        LEAP_UNKNOWN << 6 | question.version << 3 | SERVER_MODE,
        0,
        question.poll,
        PRECISION_LOG2_S,
        0,
        0,
        KISS_RATE,
        0,
        question.transmit,
        # Clients take a kiss for their own question's by these, and its time is not used.
        question.transmit,
        question.transmit,
    )


def timestamp(unix_us: int) -> int:
    """Return 32.32 bits of seconds since 1900, of the era that the instant is in."""
    seconds, micros = divmod(unix_us, 1_000_000)
    return ((seconds + _SECONDS_1900_TO_1970) << 32 | (micros << 32) // 1_000_000) % _ERA


def short_format(micros: float) -> int:
    """Return 16.16 bits of seconds, rounded up: a bound must not shrink on its way."""
    return min(-int(-micros * 65_536 // 1_000_000), 2**32 - 1)


def reference_id(zone: str | None) -> bytes:
    """Return four bytes for the zone that is followed, None for the machine's own clock.

    As for IPv6 addresses in RFC 5905: the first four of an MD5 digest, here of the name.
    """
    if zone is None:
        return LOCAL
    return hashlib.md5(zone.encode(), usedforsecurity=False).digest()[:4]
