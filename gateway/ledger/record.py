"""From an ended call to its line in the ledger."""

from gateway.invocation import Invocation
from storage.platform.ledger.record import CallRecord


def record_of(call: Invocation) -> CallRecord | None:
    """Return the record of an ended call; None when it was turned down before it became one."""
    if not call.admitted or call.tenant is None or call.function is None or call.caller is None:
        return None
    run_s = call.run_s if call.worker_run_s is None else min(call.worker_run_s, call.run_s)
    network_s = call.total_s - call.instance_wait_s - run_s
    return CallRecord(
        call_id=call.call_id,
        at_us=int(call.started_at * 1e6),
        tenant=call.tenant,
        function=call.function,
        zone=call.zone,
        key_id=call.caller.key_id,
        status=call.status,
        problem=call.problem,
        cold=call.cold,
        wait_us=int(call.instance_wait_s * 1e6),
        run_us=int(run_s * 1e6),
        total_us=int(call.total_s * 1e6),
        bytes_in=call.bytes_in,
        bytes_out=call.bytes_out,
        memory_mb=call.memory_mb,
        role=call.origin or call.caller.role,
        start_us=int(call.start_s * 1e6),
        network_us=max(0, int(network_s * 1e6)),
        cpu_us=call.cpu_us,
        peak_memory_kb=call.peak_memory_kb,
        version=call.version,
        attempt=call.attempt,
        origin=call.origin,
        caller_zone=call.caller.zone or "",
    )
