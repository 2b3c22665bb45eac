"""The link's side of the uplink streams: read in order, wait, and let go what the parent has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import uplink_bytes_key, uplink_key
from storage.hot.library import UPLINK_ACK
from storage.model.uplink import UplinkEntry

FROM_START: Final = "0-0"
_PAGE: Final = 16
_WAIT_MARGIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for the parent; `oldest_age_s` is 0 when nothing does."""

    bytes: int
    entries: int
    oldest_age_s: float


class Uplink:
    """Every tenant's uplink of a zone, as the `link` user."""

    def __init__(self, connection: HotConnection) -> None:
        """Waiting occupies one connection of the pool."""
        self._connection = connection

    async def pending(
        self, slug: str, *, after: str = FROM_START, max_bytes: int, max_entries: int
    ) -> list[tuple[str, UplinkEntry]]:
        """The oldest entries after stream id `after`, each with its id.

        Payloads are at most `max_bytes` together, but the first entry always comes.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        found: list[tuple[str, UplinkEntry]] = []
        room = max_bytes
        while len(found) < max_entries:
            page = min(_PAGE, max_entries - len(found))
            reply = await self._connection.call(
                "XRANGE", uplink_key(slug), f"({after}", "+", "COUNT", page
            )
            rows = cast(list[tuple[bytes, list[bytes]]], reply)
            for row in rows:
                after, entry = _entry(row)
                room -= len(entry.payload)
                if room < 0 and found:
                    return found
                found.append((after, entry))
            if len(rows) < page:
                break
        return found

    async def acknowledge(self, slug: str, stream_id: str) -> int:
        """Remove the entries up to `stream_id`, which the parent holds durably; return how many.

        Harmless when repeated.
        """
        reply = await self._connection.call(
            "FCALL", UPLINK_ACK, 2, uplink_key(slug), uplink_bytes_key(slug), stream_id
        )
        return cast(int, reply)

    async def backlog(self, slug: str) -> Backlog:
        """How much waits, and since when."""
        call = self._connection.call
        held = cast(bytes | None, await call("GET", uplink_bytes_key(slug)))
        entries = cast(int, await call("XLEN", uplink_key(slug)))
        first = cast(
            list[tuple[bytes, list[bytes]]],
            await call("XRANGE", uplink_key(slug), "-", "+", "COUNT", 1),
        )
        age_s = 0.0
        if first:
            seconds, micros = cast(list[bytes], await call("TIME"))
            born_ms = int(first[0][0].partition(b"-")[0])
            age_s = max(0.0, int(seconds) + int(micros) / 1e6 - born_ms / 1e3)
        return Backlog(bytes=int(held or 0), entries=entries, oldest_age_s=age_s)

    async def wait(self, after: Mapping[str, str], *, timeout_s: float) -> set[str]:
        """Wait until a tenant has an entry after the given id; return which have.

        `after` maps slugs to the last stream id seen (`FROM_START` at first). Empty once
        `timeout_s` has passed; at least a millisecond.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        slugs = list(after)
        reply = await self._connection.call(
            "XREAD",
            "COUNT",
            1,
            "BLOCK",
            max(1, int(timeout_s * 1000)),
            "STREAMS",
            [uplink_key(slug) for slug in slugs],
            list(after.values()),
            deadline_s=timeout_s + _WAIT_MARGIN_S,
        )
        named = {uplink_key(slug).encode(): slug for slug in slugs}
        streams = cast(list[tuple[bytes, object]] | None, reply) or []
        return {named[stream] for stream, _ in streams}


def _entry(row: tuple[bytes, list[bytes]]) -> tuple[str, UplinkEntry]:
    stream_id, flat = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    entry = UplinkEntry(
        edge=fields[b"e"].decode(),
        sequence=int(fields[b"s"]),
        excluded=fields[b"x"],
        payload=fields[b"p"],
    )
    return stream_id.decode(), entry
