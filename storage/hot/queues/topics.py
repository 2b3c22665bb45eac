"""Every tenant's topics in a zone: published, kept for a while, and made calls of functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from storage.hot.command import Argument
from storage.hot.connection import HotConnection
from storage.hot.keys import queues_prefix
from storage.hot.queues.calls import flatten, new_call_id, request_fields
from storage.hot.queues.library import PREFIX
from storage.hot.queues.record import Bounds, Origin, QueueFull, Request, Retrying

FULL_RETRY_AFTER_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a topic keeps of what everybody has read, and how much may wait unread.

    `tenant_bytes` bounds all topics of a tenant together.
    """

    messages: int = 10_000
    bytes: int = 8 * 1024 * 1024
    age_s: int = 24 * 3600
    unread_messages: int = 50_000
    unread_bytes: int = 16 * 1024 * 1024
    topics: int = 200
    tenant_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it was published; `id` orders the messages of a topic."""

    id: str
    content_type: str
    body: bytes
    subject: str = ""
    zone: str = ""
    """Where it was published, when it came from another zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How far a function has come in a topic."""

    name: str
    last_id: str
    lag: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A function that is called with each message of a topic."""

    tenant: str
    topic: str
    function: str
    retrying: Retrying
    bounds: Bounds

    @property
    def group(self) -> str:
        """Its consumer group."""
        return self.function


class Topics:
    """The topics, as the `messaging` user; raises as `CallQueue`."""

    def __init__(self, connection: HotConnection, *, retention: Retention) -> None:
        self._connection = connection
        self._keep = retention

    async def publish(
        self, tenant: str, topic: str, *, body: bytes, content_type: str, subject: str
    ) -> str:
        """Add a message; durable when its id is returned.

        Raises:
            QueueFull: too much is unread, or there are too many topics.
        """
        keep = self._keep
        fields: dict[str, str | bytes | None] = {
            "body": body,
            "content_type": content_type,
            "subject": subject,
        }
        reply = await self._ask(
            "publish",
            tenant,
            topic,
            *(keep.messages, keep.bytes, keep.age_s * 1000),
            *(keep.unread_messages, keep.unread_bytes, keep.topics, keep.tenant_bytes),
            flatten(fields),
        )
        how, what = (part.decode() for part in cast(list[bytes], reply))
        if how == "full":
            raise QueueFull(what, retry_after_s=FULL_RETRY_AFTER_S)
        return what

    async def names(self, tenant: str) -> list[str]:
        """The tenant's topics, by name."""
        key = f"{queues_prefix(tenant)}:topics"
        found = cast(list[bytes], await self._connection.call("SMEMBERS", key))
        return sorted(name.decode() for name in found)

    async def read(self, tenant: str, topic: str, *, after: str, limit: int) -> list[Message]:
        """The oldest messages after an id that are still kept."""
        reply = await self._connection.call(
            "XRANGE", _stream(tenant, topic), f"({after}", "+", "COUNT", limit
        )
        return [_message(row) for row in cast(list[tuple[bytes, list[bytes]]], reply)]

    async def last_id(self, tenant: str, topic: str) -> str:
        """Id of the newest message, "0-0" when there is none."""
        reply = await self._connection.call(
            "XREVRANGE", _stream(tenant, topic), "+", "-", "COUNT", 1
        )
        rows = cast(list[tuple[bytes, list[bytes]]], reply)
        return rows[0][0].decode() if rows else "0-0"

    async def length(self, tenant: str, topic: str) -> int:
        """How many messages are kept."""
        return cast(int, await self._connection.call("XLEN", _stream(tenant, topic)))

    async def groups(self, tenant: str, topic: str) -> list[Group]:
        """The functions that read it; of a topic that exists."""
        reply = await self._connection.call("XINFO", "GROUPS", _stream(tenant, topic))
        groups = []
        for flat in cast(list[list[object]], reply):
            held = dict(zip(flat[::2], flat[1::2], strict=True))
            name, last = cast(bytes, held[b"name"]), cast(bytes, held[b"last-delivered-id"])
            lag = cast(int | None, held.get(b"lag"))
            groups.append(Group(name=name.decode(), last_id=last.decode(), lag=lag))
        return groups

    async def trim(self, tenant: str, topic: str) -> int:
        """Let go of what need not be kept; return how many messages are left."""
        keep = self._keep
        reply = await self._ask("trim", tenant, topic, keep.messages, keep.bytes, keep.age_s * 1000)
        return cast(int, reply)

    async def subscribe(self, one: Subscription, *, back_s: float) -> bool:
        """Make its group, to begin `back_s` before now; return whether there was none."""
        made = await self._ask(
            "subscribe", one.tenant, one.topic, one.group, max(0, int(back_s * 1000))
        )
        return bool(made)

    async def unsubscribe(self, tenant: str, topic: str, *, group: str) -> None:
        """Forget a group: nothing waits for it any more."""
        await self._ask("unsubscribe", tenant, topic, group)

    async def dispatch(self, one: Subscription, *, limit: int) -> int:
        """Make calls of its next messages, in one step, as its queue has room; return how many."""
        request = Request(function=one.function)
        fields = request_fields(request, one.retrying, origin=Origin.TOPIC)
        for of_message in ("body", "content_type", "subject"):
            del fields[of_message]
        reply = await self._ask(
            "dispatch",
            one.tenant,
            one.topic,
            one.group,
            one.function,
            one.bounds.queue,
            one.bounds.bytes,
            limit,
            # Calls of one millisecond are taken in the order of their ids.
            sorted(new_call_id() for _ in range(limit)),
            flatten(fields),
        )
        return cast(int, reply)

    async def _ask(
        self, name: str, tenant: str, *arguments: Argument | Sequence[Argument]
    ) -> object:
        return await self._connection.call(
            "FCALL", f"{PREFIX}{name}", 1, queues_prefix(tenant), *arguments
        )


def _stream(tenant: str, topic: str) -> str:
    return f"{queues_prefix(tenant)}:t:{topic}"


def _message(row: tuple[bytes, list[bytes]]) -> Message:
    message_id, flat = row
    held = dict(zip(flat[::2], flat[1::2], strict=True))
    return Message(
        id=message_id.decode(),
        content_type=held.get(b"content_type", b"").decode(),
        body=held.get(b"body", b""),
        subject=held.get(b"subject", b"").decode(),
        zone=held.get(b"zone", b"").decode(),
    )
