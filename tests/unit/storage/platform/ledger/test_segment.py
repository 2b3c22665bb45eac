import struct
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from storage.platform.ledger.record import CallRecord, StorageSample
from storage.platform.ledger.segment import (
    MAX_RECORD_BYTES,
    frame,
    is_torn,
    read_frames,
    read_ledger,
    read_records,
    read_segment,
    whole_bytes,
)
from tests.unit.storage.platform.ledger.records import record

WHOLE = b"".join(frame(record(number)) for number in range(3))


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "1.ledger"
    path.write_bytes(WHOLE)

    assert list(read_segment(path)) == [record(0), record(1), record(2)]


@pytest.mark.parametrize("cut", range(1, len(frame(record(2))) + 1))
def test_a_tail_torn_anywhere_costs_only_itself(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "1.ledger"
    path.write_bytes(WHOLE[:-cut])

    assert list(read_segment(path)) == [record(0), record(1)]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "1.ledger"
    path.write_bytes(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]))

    assert list(read_segment(path)) == [record(0), record(1)]


def test_a_call_counts_once_over_all_segments(tmp_path: Path) -> None:
    (tmp_path / "1.ledger").write_bytes(WHOLE[:-3])
    (tmp_path / "2.ledger").write_bytes(frame(record(1)) + frame(record(2)))

    assert [entry.call_id for entry in read_ledger(tmp_path)] == ["call-0", "call-1", "call-2"]


@pytest.mark.parametrize("cut", range(len(frame(record(2)))))
def test_what_a_crash_cut_short_is_told_from_damage(cut: int) -> None:
    torn = WHOLE[: len(WHOLE) - len(frame(record(2))) + cut]
    whole = whole_bytes(torn)

    assert whole == len(WHOLE) - len(frame(record(2)))
    assert is_torn(torn[whole:])


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(frame(record(0))[:-1] + b"x", id="a_frame_of_another_checksum"),
        pytest.param(b"\xff" * 100, id="a_length_that_no_record_has"),
    ],
)
def test_damage_is_no_torn_tail(rest: bytes) -> None:
    assert whole_bytes(rest) == 0
    assert not is_torn(rest)


def test_an_end_of_zeros_is_torn_and_holds_no_records() -> None:
    assert whole_bytes(bytes(100)) == 0
    assert is_torn(bytes(100))
    assert list(read_frames(WHOLE + bytes(100))) == [record(0), record(1), record(2)]


def test_the_longest_record_fits() -> None:
    long = record(
        0,
        tenant="t" * 31,
        function="f" * 63,
        zone="z" * 40,
        key_id="k" * 24,
        problem="p" * 40,
        role="r" * 20,
        call_id="c" * 32,
        **dict.fromkeys(("at_us", "wait_us", "run_us", "total_us", "bytes_in"), 2**62),
    )

    assert len(frame(long)) < MAX_RECORD_BYTES / 4


def test_a_record_written_before_a_field_was_added_is_read() -> None:
    older = msgspec.msgpack.encode(msgspec.structs.astuple(record(1))[:-1])

    assert msgspec.msgpack.decode(older, type=CallRecord) == record(1)
    assert list(read_frames(frame(record(1, role="meter")))) == [record(1, role="meter")]


def test_samples_stand_between_calls_and_are_no_calls() -> None:
    sample = StorageSample(at_us=5, tenant="acme", zone="zone-3a", store="hot", bytes=12)
    frames = frame(record(1)) + frame(sample) + frame(record(2))

    assert list(read_records(frames)) == [record(1), sample, record(2)]
    assert list(read_frames(frames)) == [record(1), record(2)]


def test_a_record_of_before_a_field_was_added_is_read() -> None:
    fields = msgspec.to_builtins(record(1))[:15]
    payload = msgspec.msgpack.encode(fields)
    old = struct.pack("<II", len(payload), crc32(payload)) + payload

    assert list(read_frames(old)) == [record(1)]
