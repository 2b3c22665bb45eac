from datetime import UTC, datetime

import pytest
import zstandard

from storage.platform.ledger.batch import (
    BATCH_BYTES,
    BatchUnreadable,
    LedgerBatch,
    pack_frames,
    read_batch,
    unpack_frames,
)
from storage.platform.ledger.segment import frame
from tests.unit.storage.platform.ledger.records import record

FRAMES = frame(record(5_000_000)) + frame(record(1_000_000))


def batch(body: bytes, *, zone: str = "zone-3a", segment: str = "1.ledger") -> LedgerBatch:
    return read_batch(zone=zone, segment=segment, offset=7, body=body)


def test_a_batch_knows_its_range_and_times() -> None:
    found = batch(pack_frames(FRAMES))

    assert (found.offset, found.size, found.calls) == (7, len(FRAMES), 2)
    assert found.first_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert found.last_at == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert unpack_frames(found.body) == FRAMES


def test_an_empty_batch_is_a_question() -> None:
    assert (batch(b"").size, batch(b"").calls) == (0, 0)


def bomb() -> bytes:
    return zstandard.ZstdCompressor().compress(b"\0" * (BATCH_BYTES * 100))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"nonsense", id="no_zstd"),
        pytest.param(pack_frames(FRAMES)[:-3], id="cut_short"),
        pytest.param(pack_frames(FRAMES[:-1]), id="half_a_frame"),
        pytest.param(pack_frames(FRAMES + b"x"), id="something_behind_the_frames"),
        pytest.param(bomb(), id="a_bomb"),
        pytest.param(pack_frames(frame(record(1, zone="zone-3b"))), id="another_zones_record"),
        pytest.param(pack_frames(frame(record(2**63))), id="an_instant_that_is_none"),
    ],
)
def test_what_is_no_batch(body: bytes) -> None:
    with pytest.raises(BatchUnreadable):
        batch(body)


@pytest.mark.parametrize("segment", ["", "../x", "a/b", "x" * 101, "ä"])
def test_what_is_no_segment(segment: str) -> None:
    with pytest.raises(BatchUnreadable):
        batch(pack_frames(FRAMES), segment=segment)
