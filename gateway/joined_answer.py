"""An answer's head and the first piece of its body in one write: one wake-up of the client."""

import asyncio
from collections.abc import Callable


class JoinedAnswer(asyncio.Transport):
    """What an answer is written to, over the connection's own transport.

    Holds the head back until more of the answer comes, or its end; `started` says whether an
    answer has begun, as what is written before is none (100 Continue). ASGI allows the waiting.
    """

    def __init__(self, transport: asyncio.Transport, *, started: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._started = started
        self._head: bytes | None = None
        self._head_seen = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, or keep the head for later."""
        if not self._head_seen and self._started():
            self._head_seen = True
            self._head = bytes(data)
            return
        if self._head is not None:
            data, self._head = b"".join((self._head, data)), None
        self._transport.write(data)

    def flush(self) -> None:
        """Write a head that nothing followed."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)

    def close(self) -> None:
        """Write what was held back and close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._transport.is_closing()
