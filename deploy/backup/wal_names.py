"""Names of WAL segments, and which of them a restore needs."""

import re
from dataclasses import dataclass
from typing import Final

_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
HISTORY: Final = ".history"
PARTIAL: Final = ".partial"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A segment by its place in the WAL and its timeline; places count from 0 without a gap."""

    place: int
    timeline: int


def read_segment(name: str, *, segment_bytes: int) -> Segment | None:
    """The segment of a file's name (`.partial` or not), None for another file."""
    match = _NAME.fullmatch(name.removesuffix(PARTIAL))
    if match is None:
        return None
    timeline, log, part = (int(text, 16) for text in match.groups())
    return Segment(log * (0x1_0000_0000 // segment_bytes) + part, timeline)


def place_of(lsn: str, *, segment_bytes: int) -> int:
    """The place of the segment that holds an LSN such as `1/2000028`."""
    return lsn_number(lsn) // segment_bytes


def lsn_number(lsn: str) -> int:
    """An LSN as bytes since the beginning of the WAL."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def first_gap(places: set[int], *, first: int, last: int) -> int | None:
    """The first place of `first..last` that is not there, None when all are."""
    return next((place for place in range(first, last + 1) if place not in places), None)
