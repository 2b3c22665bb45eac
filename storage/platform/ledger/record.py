"""One line of the bill: what an invocation was and what it used."""

import msgspec


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An invocation. `at_us` is UTC in microseconds since 1970, durations are microseconds.

    `wait_us` is the time until a worker was free (or started, when `cold`), `run_us` from then to
    the end of the answer, `total_us` from the call's first byte. Memory is the function's limit.
    `role` is the caller's: what a zone carries for a tenant was paid for where it came in.
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
    role: str = ""
