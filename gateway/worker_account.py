"""What a worker says of a call in its answer's headers; the caller never sees them."""

from gateway.asgi import Headers
from gateway.invocation import Invocation

PREFIX = b"x-gridfaas-"
CPU_US, RUN_US, MEMORY_KB = b"x-gridfaas-cpu-us", b"x-gridfaas-run-us", b"x-gridfaas-memory-kb"
# Eleven days of microseconds: more than any call may take, and no sum of them overflows.
MOST_DIGITS = 12


def read_account(headers: Headers, call: Invocation) -> None:
    """Note CPU time, run time and peak memory; what is no plain number counts as not said."""
    for name, value in headers:
        if not name.startswith(PREFIX) or not value.isdigit() or len(value) > MOST_DIGITS:
            continue
        if name == CPU_US:
            call.cpu_us = int(value)
        elif name == RUN_US:
            call.worker_run_s = int(value) / 1e6
        elif name == MEMORY_KB:
            call.peak_memory_kb = int(value)
