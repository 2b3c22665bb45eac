"""A client's body: counted while it streams, never more in memory than what is in transit."""

from gateway.asgi import Receive
from gateway.refusal import Refusal
from gateway.request_head import RequestHead


class BodyTooLarge(Refusal):
    """The body is longer than the function takes."""


class ClientGone(Exception):
    """The client closed its connection before it had sent all."""


class RequestBody:
    """The body that `receive` brings, at most `limit` bytes."""

    def __init__(self, receive: Receive, *, head: RequestHead, limit: int) -> None:
        """Begin a body as its head announces it.

        Raises:
            BodyTooLarge: Content-Length alone says so; nothing was read.
        """
        self._receive = receive
        self._limit = limit
        self.received = 0
        self.ended = not head.chunked and not head.content_length
        self.waiting = False
        if head.content_length is not None and head.content_length > limit:
            raise self._too_large()

    async def prefix(self, size: int) -> bytes:
        """Read until `size` bytes are in hand, or the end; returns at most one message more.

        Raises:
            BodyTooLarge: the limit was passed.
            ClientGone: the client left.
        """
        parts: list[bytes] = []
        held = 0
        while not self.ended and held < size:
            data = await self._next()
            held += len(data)
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __aiter__(self) -> "RequestBody":
        return self

    async def __anext__(self) -> bytes:
        """Give what is left, piece by piece; same errors as `prefix`."""
        while not self.ended:
            if data := await self._next():
                return data
        raise StopAsyncIteration

    async def _next(self) -> bytes:
        self.waiting = True
        message = await self._receive()
        self.waiting = False
        if message["type"] != "http.request":
            raise ClientGone
        data: bytes = message.get("body", b"")
        self.received += len(data)
        self.ended = not message.get("more_body", False)
        if self.received > self._limit:
            raise self._too_large()
        return data

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is larger than the {self._limit} bytes this function takes",
            members={"limit": "max_body_bytes", "limit_bytes": self._limit},
        )
