"""Topics between zones: which are bridged, in which class, and what a child zone brings."""

import struct
from dataclasses import dataclass
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import queues_prefix
from storage.hot.queues.calls import flatten
from storage.hot.queues.library import PREFIX
from storage.hot.queues.record import QueueFull
from storage.hot.queues.topics import FULL_RETRY_AFTER_S, Retention
from storage.model.traffic import TrafficClass
from storage.model.uplink import UplinkEntry, UplinkUnreadable

WAITING_BYTES: Final = 16 * 1024 * 1024
_TOPIC: Final = b"t:"
_PARTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedMessage:
    """A message as it travels; `zone` is where it was published."""

    topic: str
    zone: str
    content_type: str
    subject: str
    body: bytes

    @classmethod
    def of(cls, payload: bytes) -> "BridgedMessage":
        """Read an entry's payload.

        Raises:
            UplinkUnreadable: it is no message.
        """
        parts, at = [], 0
        try:
            for _ in range(_PARTS):
                (size,) = struct.unpack_from("<I", payload, at)
                parts.append(payload[at + 4 : at + 4 + size])
                at += 4 + size
            topic, zone, content_type, subject = (part.decode() for part in parts[:-1])
        except (struct.error, UnicodeDecodeError) as error:
            raise UplinkUnreadable(f"an entry that is no message: {error}") from error
        if at != len(payload):
            raise UplinkUnreadable("an entry that is no message: of another length")
        return cls(
            topic=topic, zone=zone, content_type=content_type, subject=subject, body=parts[-1]
        )


class Bridges:
    """Every tenant's bridges in a zone, as the `messaging` user; raises as `CallQueue`."""

    def __init__(
        self,
        connection: HotConnection,
        *,
        zone: str,
        retention: Retention,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        """`waiting_bytes` bounds what waits for the parent, of a tenant and class."""
        self._connection = connection
        self._zone = zone
        self._keep = retention
        self._waiting_bytes = waiting_bytes

    async def bridge(self, tenant: str, topic: str, traffic_class: TrafficClass) -> None:
        """Let what is published in `topic` from now on travel up, in a class.

        Raises:
            QueueFull: as many topics are bridged as there may be.
        """
        others = (await self.bridged(tenant)).keys() - {topic}
        if len(others) >= self._keep.topics:
            raise QueueFull("topics", retry_after_s=FULL_RETRY_AFTER_S)
        await self._connection.call(
            "HSET",
            _key(tenant),
            *("zone", self._zone, "limit", self._waiting_bytes),
            *(_TOPIC + topic.encode(), traffic_class.value),
        )

    async def unbridge(self, tenant: str, topic: str) -> bool:
        """Keep what is published from now on here; return whether it was bridged."""
        return bool(await self._connection.call("HDEL", _key(tenant), _TOPIC + topic.encode()))

    async def bridged(self, tenant: str) -> dict[str, TrafficClass]:
        """The tenant's bridged topics and their classes."""
        flat = cast(list[bytes], await self._connection.call("HGETALL", _key(tenant)))
        return {
            name.removeprefix(_TOPIC).decode(): TrafficClass(value.decode())
            for name, value in zip(flat[::2], flat[1::2], strict=True)
            if name.startswith(_TOPIC)
        }

    async def take(
        self,
        tenant: str,
        entry: UplinkEntry,
        message: BridgedMessage,
        *,
        traffic_class: TrafficClass,
        caller: str,
        onward: bool,
    ) -> bool:
        """Publish what zone `caller` brings, once, and hand it on if `onward`, in one step.

        Of an edge and class, entries come in order. Return whether it was new.

        Raises:
            QueueFull: there is no room for it here; the same again later is harmless.
        """
        keep = self._keep
        reply = await self._connection.call(
            "FCALL",
            f"{PREFIX}take_bridged",
            1,
            queues_prefix(tenant),
            message.topic,
            *(keep.messages, keep.bytes, keep.age_s * 1000),
            *(keep.unread_messages, keep.unread_bytes, keep.topics, keep.tenant_bytes),
            f"{caller}/{traffic_class.value}/{entry.edge}",
            *(entry.edge, entry.sequence, entry.after or 0, traffic_class.value, entry.payload),
            self._waiting_bytes if onward else "",
            flatten(
                {
                    "body": message.body,
                    "content_type": message.content_type,
                    "subject": message.subject,
                    "zone": message.zone,
                }
            ),
        )
        how, what = (part.decode() for part in cast(list[bytes], reply))
        if how == "full":
            raise QueueFull(what, retry_after_s=FULL_RETRY_AFTER_S)
        return how == "published"


def _key(tenant: str) -> str:
    return f"{queues_prefix(tenant)}:bridge"
