"""One line a call, through the logging that the process is configured with."""

import logging

from gateway.invocation import Invocation

logger = logging.getLogger("gateway.access")


class AccessLog:
    """Observes calls. A path may name a meter, so its line has the function only."""

    def ended(self, call: Invocation) -> None:
        """Write the call's line, if anybody listens at level INFO."""
        if not logger.isEnabledFor(logging.INFO):
            return
        logger.info(
            "call",
            extra={
                "request_id": call.request_id,
                "call_id": call.call_id,
                "method": call.method,
                "function": call.function,
                "tenant": call.tenant,
                "key_id": call.caller.key_id if call.caller else None,
                "instance": call.instance,
                "status": call.status,
                "problem": call.problem,
                "bytes_in": call.bytes_in,
                "bytes_out": call.bytes_out,
                "wait_ms": round(call.instance_wait_s * 1000, 3),
                "run_ms": round(call.run_s * 1000, 3),
                "total_ms": round(call.total_s * 1000, 3),
            },
        )
