"""Ledger records for tests."""

import msgspec

from storage.platform.ledger.record import CallRecord


def record(number: int, **change: object) -> CallRecord:
    """The call of that number, at that microsecond of 1970."""
    plain = CallRecord(
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
    return msgspec.structs.replace(plain, **change)
