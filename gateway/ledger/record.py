"""From an ended call to its line in the ledger."""

from gateway.invocation import Invocation


def fields_of(call: Invocation) -> tuple[object, ...] | None:
    """Return the fields of an ended call's CallRecord; None when it was turned down before.

    In the record's order, which is how it is written: making a CallRecord of that many named
    fields takes eight times as long.
    """
    caller = call.caller
    if not call.admitted or call.tenant is None or call.function is None or caller is None:
        return None
    run_s = call.run_s if call.worker_run_s is None else min(call.worker_run_s, call.run_s)
    network_us = int((call.total_s - call.instance_wait_s - run_s) * 1e6)
    return (
        call.call_id,
        int(call.started_at * 1e6),
        call.tenant,
        call.function,
        call.zone,
        caller.key_id,
        call.status,
        call.problem,
        call.cold,
        int(call.instance_wait_s * 1e6),
        int(run_s * 1e6),
        int(call.total_s * 1e6),
        call.bytes_in,
        call.bytes_out,
        call.memory_mb,
        call.origin or caller.role,
        int(call.start_s * 1e6),
        max(0, network_us),
        call.cpu_us,
        call.peak_memory_kb,
        call.version,
        call.attempt,
        call.origin,
        caller.zone or "",
    )
