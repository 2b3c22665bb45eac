"""Heads of answers that were parsed before: those of answers that are alike differ at their end.

Platform functions answer with the same headers each time, and say behind them how long the body is
and what the call took.
"""

import re
from typing import Final, NamedTuple

from gateway.asgi import Headers
from gateway.direct.answer_bytes import MAX_WHOLE_BYTES, STATUS_LINES
from gateway.forwarding.connection import BODILESS
from gateway.invocation import Invocation
from gateway.request_head import response_headers
from gateway.worker_account import CPU_US, MEMORY_KB, MOST_DIGITS, PREFIX, RUN_US

MAX_HEADS: Final = 512
MAX_HEAD_BYTES: Final = 4 * 1024
_END_BEGINS: Final = b"\r\ncontent-length: "
_END: Final = re.compile(
    b"\r\ncontent-length: ([0-9]{1,9})"
    + b"".join(
        b"\r\n%b: ([0-9]{1,%d})" % (name, MOST_DIGITS) for name in (CPU_US, RUN_US, MEMORY_KB)
    )
    + b"\r\n\r\n"
)
_END_NAMES: Final = (b"content-length", CPU_US, RUN_US, MEMORY_KB)
# With one of these the end of an answer is not where its length says, or none comes after it.
_UNUSUAL: Final = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
_FAILED: Final = 500


class _KnownHead(NamedTuple):
    """What a head says before its end; `begin` and `lines` are what the caller gets of it."""

    status: int
    begin: bytes
    lines: bytes


class WholeAnswer(NamedTuple):
    """An answer that came whole, with what its worker says of the call."""

    head: _KnownHead
    body: bytes
    cpu_us: int
    run_s: float
    peak_memory_kb: int

    def tell(self, call: Invocation) -> None:
        """Note in the call what the answer says."""
        call.status, call.bytes_out = self.head.status, len(self.body)
        call.cpu_us, call.worker_run_s = self.cpu_us, self.run_s
        call.peak_memory_kb = self.peak_memory_kb

    def for_caller(self, call: Invocation, common: bytes) -> bytes:
        """The answer as its caller gets it; `common` are headers as bytes."""
        return b"%b%b%bcontent-length: %d\r\nx-request-id: %b\r\nx-call-id: %b\r\n\r\n%b" % (
            self.head.begin,
            common,
            self.head.lines,
            len(self.body),
            call.request_id.encode(),
            call.call_id.encode(),
            self.body,
        )


class KnownAnswers:
    """Heads by their bytes up to the length; forgotten all at once when there are too many."""

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownHead] = {}

    def find(self, data: bytes) -> WholeAnswer | None:
        """Read an answer that came whole, if its head is known; else it has to be parsed."""
        at = data.find(_END_BEGINS, 0, MAX_HEAD_BYTES)
        if at < 0 or (head := self._known.get(data[:at])) is None:
            return None
        end = _END.match(data, at)
        if end is None:
            return None
        length, cpu_us, run_us, memory_kb = map(int, end.groups())
        body = data[end.end() :]
        if len(body) != length or length > MAX_WHOLE_BYTES:
            return None
        return WholeAnswer(head, body, cpu_us, run_us / 1e6, memory_kb)

    def learn(self, data: bytes, *, status: int, headers: Headers, body: bytes) -> None:
        """Remember the head of an answer, all of `data`, that a parser has read as the others."""
        at = data.find(_END_BEGINS, 0, MAX_HEAD_BYTES)
        end = _END.match(data, at) if at > 0 else None
        before, names = headers[: -len(_END_NAMES)], [name for name, _ in headers]
        line = STATUS_LINES.get(status)
        if (
            end is None
            or data[end.end() :] != body
            or int(end[1]) != len(body)
            or b"\r\n\r\n" in data[:at]
            or not data.startswith(b"HTTP/1.1 ")
            or line is None
            or status in BODILESS
            or status >= _FAILED
            or tuple(names[len(before) :]) != _END_NAMES
            or any(name in _UNUSUAL or name.startswith(PREFIX) for name, _ in before)
        ):
            return
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        lines = b"".join(b"%b: %b\r\n" % pair for pair in response_headers(before, status=status))
        self._known[data[:at]] = _KnownHead(status, line, lines)
