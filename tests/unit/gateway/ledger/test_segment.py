from pathlib import Path

import pytest

from gateway.ledger.record import CallRecord
from gateway.ledger.segment import frame, read_ledger, read_segment


def record(number: int) -> CallRecord:
    return CallRecord(
        call_id=f"call-{number}",
        at_us=number,
        tenant="acme",
        function="mdms",
        zone="zone-3a",
        key_id="k",
        status=200,
        problem=None,
        cold=False,
        wait_us=1,
        run_us=2,
        total_us=3,
        bytes_in=4,
        bytes_out=5,
        memory_mb=256,
    )


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
