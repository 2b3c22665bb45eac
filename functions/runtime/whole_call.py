"""Calls that come whole, in one read, and are answered by a callback: no task, no messages."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

STATUS_LINE: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

Headers: TypeAlias = list[tuple[bytes, bytes]]


class WholeCall(NamedTuple):
    """A request with its whole body; header names are in lower case.

    `alike` is one object for calls that are the same but for body and ids, None where unknown.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    alike: object | None = None


Reply = Callable[[int, Headers, bytes], None]
"""Takes status, headers (the length among them) and body of the one answer."""


class TakesWhole(Protocol):
    """What an ASGI application may offer as `take_whole`, beside its own call."""

    def __call__(self, call: WholeCall, reply: Reply) -> bool:
        """Begin to answer, by `reply`, a call that can begin at once; False leaves it to ASGI.

        Nothing has been carried out then. Errors that are the caller's are for ASGI, too: there is
        one place that says them.
        """


def take_whole_of(app: Any) -> TakesWhole | None:
    """What `app` offers, None when it is an ASGI application and nothing else."""
    offered: TakesWhole | None = getattr(app, "take_whole", None)
    return offered


class WholeLine(Protocol):
    """What a whole exchange asks of its connection."""

    def write(self, data: bytes) -> None:
        """Write bytes of the answer."""

    def answered(self, *, whole: bool) -> None:
        """The answer is over."""


class WholeExchange:
    """The answer of a call that was taken whole: it leaves in one piece, or nobody reads it."""

    __slots__ = ("_line", "_over")

    def __init__(self, line: WholeLine) -> None:
        self._line = line
        self._over = False

    def gone(self) -> None:
        """The peer has left."""
        self._over = True

    def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Write the answer."""
        if self._over:
            return
        self._over = True
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", body)
        self._line.write(b"".join(lines))
        self._line.answered(whole=True)
