"""Names of WAL segments, whatever their size."""

import pytest

from deploy.backup.wal_names import Segment, first_gap, lsn_number, place_of, read_segment

MIB = 1 << 20


@pytest.mark.parametrize(
    ("name", "segment_bytes", "found"),
    [
        ("000000010000000000000001", 16 * MIB, Segment(1, 1)),
        ("0000000200000001000000FF", 16 * MIB, Segment(511, 2)),
        ("000000010000000100000000", 64 * MIB, Segment(64, 1)),
        ("000000010000000000000003.partial", 16 * MIB, Segment(3, 1)),
        ("00000002.history", 16 * MIB, None),
        ("archive_status", 16 * MIB, None),
    ],
)
def test_a_name_says_place_and_timeline(
    name: str, segment_bytes: int, found: Segment | None
) -> None:
    assert read_segment(name, segment_bytes=segment_bytes) == found


def test_an_lsn_is_in_a_segment() -> None:
    assert lsn_number("1/2000028") == (1 << 32) + 0x2000028
    assert place_of("1/2000028", segment_bytes=16 * MIB) == 258
    assert place_of("0/FFFFFFF", segment_bytes=16 * MIB) == 15


@pytest.mark.parametrize(
    ("places", "gap"), [({3, 4, 5}, None), ({3, 5}, 4), ({4, 5}, 3), ({3, 4}, 5), (set(), 3)]
)
def test_a_gap_is_the_first_place_that_is_missing(places: set[int], gap: int | None) -> None:
    assert first_gap(places, first=3, last=5) == gap
