"""Every tenant's dead letters in a zone: calls that failed for good, to be replayed or dropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from storage.hot.connection import HotConnection
from storage.hot.keys import queues_prefix
from storage.hot.queues.calls import new_call_id
from storage.hot.queues.library import PREFIX
from storage.hot.queues.record import Bounds, QueueFull


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A call that failed; times are UTC in milliseconds."""

    id: str
    call: str
    function: str
    origin: str
    reason: str
    attempts: int
    at_ms: int
    method: str
    target: str
    content_type: str
    body: bytes
    topic: str | None
    message: str | None


class DeadLetters:
    """The dead letters, as the `messaging` user; raises as `CallQueue`."""

    def __init__(self, connection: HotConnection) -> None:
        self._connection = connection

    async def read(self, tenant: str, *, after: str, limit: int) -> list[DeadLetter]:
        """The oldest letters after an id."""
        reply = await self._connection.call(
            "XRANGE", f"{queues_prefix(tenant)}:dead", f"({after}", "+", "COUNT", limit
        )
        return [_letter(*row) for row in cast(list[tuple[bytes, list[bytes]]], reply)]

    async def function_of(self, tenant: str, letter_id: str) -> str | None:
        """Which function a letter was for; None when there is no such letter."""
        reply = await self._connection.call(
            "XRANGE", f"{queues_prefix(tenant)}:dead", letter_id, letter_id
        )
        rows = cast(list[tuple[bytes, list[bytes]]], reply)
        return _letter(*rows[0]).function if rows else None

    async def count(self, tenant: str) -> int:
        """How many there are."""
        return cast(int, await self._connection.call("XLEN", f"{queues_prefix(tenant)}:dead"))

    async def replay(self, tenant: str, letter_id: str, *, bounds: Bounds) -> str | None:
        """Queue it again as a new call, whose id is returned; None when there is no such letter.

        Raises:
            QueueFull: the function's queue has no room; the letter stays.
        """
        call_id = new_call_id()
        reply = await self._connection.call(
            *("FCALL", f"{PREFIX}replay", 1, queues_prefix(tenant)),
            *(letter_id, call_id, bounds.queue, bounds.bytes),
        )
        how, *rest = (part.decode() for part in cast(list[bytes], reply))
        if how == "full":
            raise QueueFull(rest[0])
        return call_id if how == "queued" else None

    async def drop(self, tenant: str, letter_id: str) -> bool:
        """Forget it; return whether it was there."""
        reply = await self._connection.call(
            "FCALL", f"{PREFIX}drop", 1, queues_prefix(tenant), letter_id
        )
        return bool(reply)


def _letter(letter_id: bytes, flat: list[bytes]) -> DeadLetter:
    held: Mapping[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))

    def text(name: str) -> str:
        return held.get(name.encode(), b"").decode()

    return DeadLetter(
        id=letter_id.decode(),
        call=text("call"),
        function=text("function"),
        origin=text("origin"),
        reason=text("reason"),
        attempts=int(text("attempts") or 0),
        at_ms=int(text("at") or 0),
        method=text("method"),
        target=text("target"),
        content_type=text("content_type"),
        body=held.get(b"body", b""),
        topic=text("topic") or None,
        message=text("message") or None,
    )
