"""Server-sent events of a topic: what is kept, and then what comes, with a cursor to go on from."""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from functions.messaging.settings import MessagingSettings
from storage.hot.queues.record import QueueFull
from storage.hot.queues.topics import Message, Topics

PAGE: Final = 64
LOOK_EVERY_S: Final = 1.0
COMMENT_EVERY_S: Final = 10.0
AGAIN_MS: Final = 1_000


class Listeners:
    """Those who listen in this zone, woken by `tell` when something is published."""

    def __init__(self, topics: Topics, *, settings: MessagingSettings) -> None:
        self._topics = topics
        self._settings = settings
        self._count: Counter[str] = Counter()
        self._of_topic: Counter[tuple[str, str]] = Counter()
        self._events: dict[tuple[str, str], asyncio.Event] = {}

    def tell(self, tenant: str, topic: str) -> None:
        """Wake those who listen to a topic."""
        event = self._events.pop((tenant, topic), None)
        if event is not None:
            event.set()

    def check_room(self, tenant: str) -> None:
        """Let pass where there is room for one more.

        Raises:
            QueueFull: there are too many.
        """
        if self._count[tenant] >= self._settings.listeners_tenant:
            raise QueueFull("listeners", retry_after_s=5)
        if self._count.total() >= self._settings.listeners:
            raise QueueFull("listeners_zone", retry_after_s=5)

    async def events(
        self, tenant: str, topic: str, *, after: str, for_s: float
    ) -> AsyncIterator[bytes]:
        """Give events for `for_s` at most; the listener comes back with the last id that it saw."""
        # Counted here: an answer that is never begun would never be counted off.
        self._count[tenant] += 1
        self._of_topic[tenant, topic] += 1
        try:
            until_s = time.monotonic() + for_s
            found = self._events_until(tenant, topic, after=after, until_s=until_s)
            async with aclosing(found) as events:
                async for event in events:
                    yield event
        finally:
            self._count[tenant] -= 1
            self._of_topic[tenant, topic] -= 1
            if not self._of_topic[tenant, topic]:
                # Anybody may listen to any name: nothing is remembered of those that are gone.
                del self._of_topic[tenant, topic]
                self._events.pop((tenant, topic), None)

    async def _events_until(
        self, tenant: str, topic: str, *, after: str, until_s: float
    ) -> AsyncGenerator[bytes, None]:
        said_s = time.monotonic()
        yield b"retry: %d\n\n" % AGAIN_MS
        while (left_s := until_s - time.monotonic()) > 0:
            event = self._events.setdefault((tenant, topic), asyncio.Event())
            messages = await self._topics.read(tenant, topic, after=after, limit=PAGE)
            for message in messages:
                after = message.id
                yield _event(message)
            if messages:
                said_s = time.monotonic()
                continue
            if time.monotonic() - said_s >= COMMENT_EVERY_S:
                said_s = time.monotonic()
                yield b": still here\n\n"
            try:
                async with asyncio.timeout(min(LOOK_EVERY_S, left_s)):
                    await event.wait()
            except TimeoutError:
                continue


def message_body(message: Message) -> dict[str, Any]:
    """Show a message: JSON as it is, other text as text, and anything else as base64."""
    shown: dict[str, Any] = {
        "id": message.id,
        "published_at_ms": int(message.id.partition("-")[0]),
        "content_type": message.content_type or None,
    }
    if message.zone:
        shown["zone"] = message.zone
    return shown | shown_body(message.body, message.content_type)


def shown_body(body: bytes, content_type: str) -> dict[str, Any]:
    """Members `body` and `encoding` (json, text or base64) of bytes."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"body": msgspec.json.decode(body), "encoding": "json"}
        except msgspec.DecodeError:
            pass
    try:
        return {"body": body.decode(), "encoding": "text"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "encoding": "base64"}


def _event(message: Message) -> bytes:
    data = msgspec.json.encode(message_body(message))
    return b"id: %b\nevent: message\ndata: %b\n\n" % (message.id.encode(), data)
