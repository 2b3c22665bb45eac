"""The link's side of the uplink streams: read in order, wait, and let go what the parent has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import uplink_bytes_key, uplink_key
from storage.hot.library import UPLINK_ACK, UPLINK_DROP
from storage.model.traffic import INTERVALS, UplinkQueue
from storage.model.uplink import UplinkEntry

FROM_START: Final = "0-0"
NEWEST: Final = "+"
_FIRST_PAGE: Final = 16
_NEXT_PAGE: Final = 4
"""Times the entries that are known: a page of larger ones than those is not far beyond a bound."""
_WAIT_MARGIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for the parent; `oldest_age_s` is 0 when nothing does."""

    bytes: int
    entries: int
    oldest_age_s: float


class Pending(NamedTuple):
    """An entry that waits, and its id on the stream; `replaces` when it changes what was there."""

    id: str
    entry: UplinkEntry
    replaces: bool

    @property
    def born_ms(self) -> int:
        """When it was acknowledged here, by the store's clock."""
        return int(self.id.partition("-")[0])


def queue_keys(slug: str, queue: UplinkQueue) -> tuple[str, str]:
    """The keys of a queue's stream and of the counter of its bytes."""
    stream, counter = uplink_key(slug), uplink_bytes_key(slug)
    return (
        (f"{stream}:{queue.name}", f"{counter}:{queue.name}") if queue.name else (stream, counter)
    )


class Uplink:
    """Every tenant's uplink of a zone, as the `link` user."""

    def __init__(self, connection: HotConnection) -> None:
        """Waiting occupies one connection of the pool."""
        self._connection = connection

    async def pending(
        self,
        slug: str,
        queue: UplinkQueue = INTERVALS,
        *,
        after: str = FROM_START,
        up_to: str = NEWEST,
        max_bytes: int,
        max_entries: int,
    ) -> list[Pending]:
        """The oldest entries after stream id `after`, none after `up_to`.

        Payloads are at most `max_bytes` together, but the first entry always comes.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        stream, _ = queue_keys(slug, queue)
        found: list[Pending] = []
        room = max_bytes
        while len(found) < max_entries:
            page = min(_page(len(found), max_bytes - room, room), max_entries - len(found))
            reply = await self._connection.call("XRANGE", stream, f"({after}", up_to, "COUNT", page)
            rows = cast(list[tuple[bytes, list[bytes]]], reply)
            for row in rows:
                one = _pending(row)
                after = one.id
                room -= len(one.entry.payload)
                if room < 0 and found:
                    return found
                found.append(one)
            if len(rows) < page:
                break
        return found

    async def acknowledge(self, slug: str, stream_id: str, queue: UplinkQueue = INTERVALS) -> int:
        """Remove the entries up to `stream_id`, which the parent holds durably; return how many.

        Harmless when repeated.
        """
        reply = await self._connection.call(
            "FCALL", UPLINK_ACK, 2, queue_keys(slug, queue), stream_id
        )
        return cast(int, reply)

    async def drop(self, slug: str, queue: UplinkQueue, *, ids: Sequence[str]) -> int:
        """Remove these entries, which the parent holds durably, and no others; return how many.

        Harmless when repeated.
        """
        reply = await self._connection.call(
            "FCALL", UPLINK_DROP, 2, queue_keys(slug, queue), list(ids)
        )
        return cast(int, reply)

    async def last_id(self, slug: str, queue: UplinkQueue) -> str:
        """Id of the newest entry that waits, `FROM_START` when none does."""
        stream, _ = queue_keys(slug, queue)
        reply = await self._connection.call("XREVRANGE", stream, "+", "-", "COUNT", 1)
        rows = cast(list[tuple[bytes, list[bytes]]], reply)
        return rows[0][0].decode() if rows else FROM_START

    async def now_ms(self) -> float:
        """The store's clock, by which entries are born."""
        seconds, micros = cast(list[bytes], await self._connection.call("TIME"))
        return int(seconds) * 1e3 + int(micros) / 1e3

    async def backlog(
        self, slug: str, queue: UplinkQueue = INTERVALS, *, after: str = FROM_START
    ) -> Backlog:
        """How much waits in a queue, and for how long its oldest entry after `after` has."""
        call = self._connection.call
        stream, counter = queue_keys(slug, queue)
        entries = cast(int, await call("XLEN", stream))
        if not entries:
            return Backlog(bytes=0, entries=0, oldest_age_s=0.0)
        held = cast(bytes | None, await call("GET", counter))
        first = cast(
            list[tuple[bytes, list[bytes]]],
            await call("XRANGE", stream, f"({after}", "+", "COUNT", 1),
        )
        age_s = 0.0
        if first:
            born_ms = int(first[0][0].partition(b"-")[0])
            age_s = max(0.0, (await self.now_ms() - born_ms) / 1e3)
        return Backlog(bytes=int(held or 0), entries=entries, oldest_age_s=age_s)

    async def wait(
        self, after: Mapping[tuple[str, UplinkQueue], str], *, timeout_s: float
    ) -> set[tuple[str, UplinkQueue]]:
        """Wait until a queue of a tenant has an entry after the given id; return which have.

        `after` maps slugs and queues to the last stream id seen (`FROM_START` at first). Empty once
        `timeout_s` has passed; at least a millisecond.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        named = {queue_keys(slug, queue)[0]: (slug, queue) for slug, queue in after}
        reply = await self._connection.call(
            "XREAD",
            "COUNT",
            1,
            "BLOCK",
            max(1, int(timeout_s * 1000)),
            "STREAMS",
            list(named),
            list(after.values()),
            deadline_s=timeout_s + _WAIT_MARGIN_S,
        )
        streams = cast(list[tuple[bytes, object]] | None, reply) or []
        return {named[stream.decode()] for stream, _ in streams}


def _page(entries: int, size: int, room: int) -> int:
    """How many entries to ask for after `entries` with `size` bytes, where `room` bytes are left.

    The first that does not fit is asked for, too: without it nobody knows that one waits.
    """
    if not entries:
        return _FIRST_PAGE
    return min(_NEXT_PAGE * entries, room * entries // max(size, 1) + 1)


def _pending(row: tuple[bytes, list[bytes]]) -> Pending:
    stream_id, flat = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    after = fields.get(b"a")
    entry = UplinkEntry(
        edge=fields[b"e"].decode(),
        sequence=int(fields[b"s"]),
        excluded=fields[b"x"],
        payload=fields[b"p"],
        after=int(after) if after else None,
    )
    return Pending(stream_id.decode(), entry, bool(fields.get(b"r")))
