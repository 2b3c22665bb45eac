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

_encode = msgspec.json.encode
MAX_KNOWN = 4_096

_Who = tuple[str, str | None, str | None, str | None, str | None]


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
        self._second_text = b""
        self._known: dict[_Who, bytes] = {}

    def ended(self, call: Invocation) -> None:
        """Take the call's line."""
        if not logger.isEnabledFor(logging.INFO):
            return
        # A path may name a meter, so the function alone is told. Times are milliseconds.
        line = (
            b'{"at":"%b","level":"INFO","logger":"gateway.access","message":"call",'
            b'"request_id":"%b","call_id":"%b",%b,"status":%d,"problem":%b,"bytes_in":%d,'
            b'"bytes_out":%d,"wait_ms":%.3f,"run_ms":%.3f,"total_ms":%.3f}'
            % (
                self._text_of(call.started_at + call.total_s),
                call.request_id.encode(),
                call.call_id.encode(),
                self._who(call),
                call.status,
                b"null" if call.problem is None else _encode(call.problem),
                call.bytes_in,
                call.bytes_out,
                call.instance_wait_s * 1000,
                call.run_s * 1000,
                call.total_s * 1000,
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

    def _who(self, call: Invocation) -> bytes:
        """Return what many calls have in common, as members of an object."""
        key_id = call.caller.key_id if call.caller else None
        who = (call.method, call.function, call.tenant, key_id, call.instance)
        found = self._known.get(who)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            names = ("method", "function", "tenant", "key_id", "instance")
            members = _encode(dict(zip(names, who, strict=True)))
            found = self._known[who] = members[1:-1]
        return found

    def _text_of(self, at_s: float) -> bytes:
        second = int(at_s)
        if second != self._second:
            self._second = second
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second_text = text.encode()
        return b"%b,%03d" % (self._second_text, int((at_s - second) * 1000))
