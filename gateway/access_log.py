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
        self._lines: list[str] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._second_text = ""
        self._known: dict[_Who, str] = {}

    def ended(self, call: Invocation) -> None:
        """Take the call's line."""
        if not logger.isEnabledFor(logging.INFO):
            return
        # A path may name a meter, so the function alone is told. Times are milliseconds, printed
        # from whole microseconds: a float takes as long to print as all the rest of a line.
        wait_us, run_us, total_us = (
            int(call.instance_wait_s * 1e6),
            int(call.run_s * 1e6),
            int(call.total_s * 1e6),
        )
        problem = "null" if call.problem is None else f'"{call.problem}"'
        line = (
            f'{{"at":"{self._text_of(call.started_at + call.total_s)}","level":"INFO",'
            f'"logger":"gateway.access","message":"call","request_id":"{call.request_id}",'
            f'"call_id":"{call.call_id}",{self._who(call)},"status":{call.status},'
            f'"problem":{problem},"bytes_in":{call.bytes_in},"bytes_out":{call.bytes_out},'
            f'"wait_ms":{wait_us // 1000}.{wait_us % 1000:03},'
            f'"run_ms":{run_us // 1000}.{run_us % 1000:03},'
            f'"total_ms":{total_us // 1000}.{total_us % 1000:03}}}'
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
            self._write("\n".join([*lines, ""]).encode())

    def _who(self, call: Invocation) -> str:
        """Return what many calls have in common, as members of an object."""
        key_id = call.caller.key_id if call.caller else None
        who = (call.method, call.function, call.tenant, key_id, call.instance)
        found = self._known.get(who)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            names = ("method", "function", "tenant", "key_id", "instance")
            members = _encode(dict(zip(names, who, strict=True))).decode()
            found = self._known[who] = members[1:-1]
        return found

    def _text_of(self, at_s: float) -> str:
        second = int(at_s)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._second_text},{int((at_s - second) * 1000):03}"
