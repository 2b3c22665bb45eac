"""One line of the bill: what an invocation was and what it used."""

import msgspec

from gateway.invocation import Invocation


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An invocation. `at_us` is UTC in microseconds since 1970, durations are microseconds.

    `wait_us` is the time until a worker was free (or started, when `cold`), `run_us` from then to
    the end of the answer, `total_us` from the call's first byte. Memory is the function's limit.
    Fields are only ever added at the end: old segments stay readable.
    """

    call_id: str
    at_us: int
    tenant: str
    function: str
    zone: str
    key_id: str
    status: int
    problem: str | None
    cold: bool
    wait_us: int
    run_us: int
    total_us: int
    bytes_in: int
    bytes_out: int
    memory_mb: int


def record_of(call: Invocation) -> CallRecord | None:
    """Return the record of an ended call; None when it never came as far as a function."""
    if call.tenant is None or call.function is None or call.caller is None:
        return None
    return CallRecord(
        call_id=call.call_id,
        at_us=round(call.started_at * 1e6),
        tenant=call.tenant,
        function=call.function,
        zone=call.zone,
        key_id=call.caller.key_id,
        status=call.status,
        problem=call.problem,
        cold=call.cold,
        wait_us=round(call.instance_wait_s * 1e6),
        run_us=round(call.run_s * 1e6),
        total_us=round(call.total_s * 1e6),
        bytes_in=call.bytes_in,
        bytes_out=call.bytes_out,
        memory_mb=call.memory_mb,
    )
