"""One call from its first byte to its account: what every observer of calls is given."""

import time
from dataclasses import dataclass, field

from gateway.call_ids import new_call_id
from gateway.keyring import Caller


@dataclass(kw_only=True)
class Invocation:
    """The facts of one call, filled in as they become known; durations in seconds.

    `function` and `tenant` stay None for calls that were turned down before they were known.
    `admitted` calls are invocations, and billed: those turned down by key, scope or limit are not.
    `waiting_for` names, at any time, what the call is waiting for. `worker_run_s` is the worker's
    own word, None if it has none. `role` and `key_id` stand for the caller's where a zone calls
    for somebody: `origin` then says by what way.
    """

    request_id: str
    method: str
    path: str
    zone: str
    call_id: str = field(default_factory=new_call_id)
    started_at: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    caller: Caller | None = None
    tenant: str | None = None
    admitted: bool = False
    function: str | None = None
    instance: str | None = None
    waiting_for: str = "the gateway"
    deadline_s: float = 0.0
    memory_mb: int = 0
    cold: bool = False
    instance_wait_s: float = 0.0
    start_s: float = 0.0
    run_s: float = 0.0
    worker_run_s: float | None = None
    cpu_us: int = 0
    peak_memory_kb: int = 0
    version: int = 0
    attempt: int = 1
    origin: str = ""
    total_s: float = 0.0
    status: int = 0
    problem: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    response_started: bool = False
    client_gone: bool = False
    ended: bool = False
    answer_waits: bool = False
    """Whether its answer leaves only after the ledger's next `flush`."""

    def begun_anew(self) -> "Invocation":
        """Return a call that begins now and has all else in common with this one.

        Its request id is its call id, where this one has none.
        """
        # A third of the time of __init__ with all its fields, and this is done for every call.
        call = object.__new__(Invocation)
        call.__dict__.update(self.__dict__)
        call.call_id = new_call_id()
        call.request_id = self.request_id or call.call_id
        call.started_at, call.clock = time.time(), time.monotonic()
        return call

    def elapsed_s(self) -> float:
        """Seconds since the call's first byte."""
        return time.monotonic() - self.clock
