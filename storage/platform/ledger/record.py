"""The lines of the bill: what an invocation was and what it used, and what a tenant stored."""

from typing import Final

import msgspec

SAMPLE_PERIOD_S: Final = 3_600
"""A sample of stored bytes stands for the UTC hour that it was taken in."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An invocation. `at_us` is UTC in microseconds since 1970, durations are microseconds.

    `wait_us` is the time until a worker was free; `start_us` is the part of it that a worker took
    to start, when the call was `cold`. `run_us` is the worker's own time where it told it and the
    answer was not streamed, else from having a worker to the end of the answer. `total_us` is from
    the call's first byte, and `network_us` what is left of it: the way of the bodies. `memory_mb`
    is the function's limit, `cpu_us` and `peak_memory_kb` what the worker says, 0 if it does not.
    `role` is the caller's, or `async`, `topic` or `schedule`, as `origin` is, empty for who calls
    and waits. `caller_zone` is set where a zone's key called: it is the link's lower end.
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
    start_us: int = 0
    network_us: int = 0
    cpu_us: int = 0
    peak_memory_kb: int = 0
    version: int = 0
    attempt: int = 1
    origin: str = ""
    caller_zone: str = ""


class StorageSample(msgspec.Struct, frozen=True, kw_only=True, tag="storage", tag_field="kind"):
    """Bytes that a tenant has in a zone's `store` (hot or cold) at one instant.

    The first of an hour counts for the hour; another one, after a restart, is no more storage.
    """

    at_us: int
    tenant: str
    zone: str
    store: str
    bytes: int


Record = CallRecord | StorageSample
