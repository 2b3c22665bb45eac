"""One line of JSON a call on standard error, in the form of the process's other log lines."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable

import msgspec

from gateway.invocation import Invocation

logger = logging.getLogger("gateway.access")

# A line a call through logging's own machinery took a fifth of the gateway's processor time.
WRITE_AFTER_S = 0.02
WRITE_AT_BYTES = 32 * 1024

_encoder = msgspec.json.Encoder()


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """A call; times are milliseconds. A path may name a meter, so the function alone is told."""

    at: str
    level: str = "INFO"
    logger: str = "gateway.access"
    message: str = "call"
    request_id: str
    call_id: str
    method: str
    function: str | None
    tenant: str | None
    key_id: str | None
    instance: str | None
    status: int
    problem: str | None
    bytes_in: int
    bytes_out: int
    wait_ms: float
    run_ms: float
    total_ms: float


def write_to_stderr(lines: bytes) -> None:
    """Write whole lines where logging writes its own; nobody reading them is no error here."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()


class AccessLog:
    """Observes calls; silent unless the logger `gateway.access` is enabled for INFO.

    Lines wait a moment to be written together: a kill may cost the last of them. What may not be
    lost is in the ledger.
    """

    def __init__(self, write: Callable[[bytes], None] = write_to_stderr) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._second_text = ""

    def ended(self, call: Invocation) -> None:
        """Take the call's line."""
        if not logger.isEnabledFor(logging.INFO):
            return
        line = _encoder.encode(
            CallLine(
                at=self._text_of(call.started_at + call.total_s),
                request_id=call.request_id,
                call_id=call.call_id,
                method=call.method,
                function=call.function,
                tenant=call.tenant,
                key_id=call.caller.key_id if call.caller else None,
                instance=call.instance,
                status=call.status,
                problem=call.problem,
                bytes_in=call.bytes_in,
                bytes_out=call.bytes_out,
                wait_ms=round(call.instance_wait_s * 1000, 3),
                run_ms=round(call.run_s * 1000, 3),
                total_ms=round(call.total_s * 1000, 3),
            )
        )
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= WRITE_AT_BYTES:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WRITE_AFTER_S, self.flush)

    def flush(self) -> None:
        """Write what waits, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._write(b"\n".join([*lines, b""]))

    def _text_of(self, at_s: float) -> str:
        second, rest = divmod(at_s, 1.0)
        if second != self._second:
            self._second = int(second)
            self._second_text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._second_text},{int(rest * 1000):03}"
