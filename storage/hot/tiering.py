"""What a zone's Redis remembers of its tiers: the last day dropped, copies, and counts of reads."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import msgspec
import zstandard

from storage.hot.connection import HotConnection
from storage.hot.keys import sequence_key, watermark_key
from storage.hot.tier_keys import block_field, block_named, copies_key, dropped_key, reads_key
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.recall import Source
from storage.model.tiers import NEVER

Key = BlockKey | EventKey
_COUNT: Final = struct.Struct("<dd")
_PAGE: Final = 1_000
_MOST_BODY: Final = 4 << 20


class Copy(msgspec.Struct, frozen=True, array_like=True):
    """A block of the record's that is kept here again; `body` are its slots, compressed.

    `as_of_us` as in `storage.model.recall`; `fetched_s` is when it came, in seconds since 1970.
    """

    body: bytes
    zone: str
    source: Source
    as_of_us: int
    fetched_s: float


@dataclass(frozen=True, slots=True)
class ReadCount:
    """`reads` were counted, faded, at `at_s` seconds since 1970."""

    reads: float
    at_s: float


class TierNotes:
    """One tenant's notes; a Redis user of the platform writes them, the tenant's may read."""

    def __init__(self, connection: HotConnection, *, slug: str) -> None:
        self._call = connection.call
        self._slug = slug

    async def dropped_through(self) -> int:
        """The last UTC day of which something was dropped, `NEVER` when nothing was.

        Raises:
            StoreUnavailable: no answer before the deadline; so with every other call here.
        """
        held = await self._call("GET", dropped_key(self._slug))
        return NEVER if held is None else int(cast(bytes, held))

    async def newest_us(self) -> int:
        """When the newest entry was acknowledged that this zone has, in microseconds since 1970.

        By the clock of the edge that took it: this zone's own sequence, or what it relayed. 0 is
        none.
        """
        own = cast(bytes | None, await self._call("GET", sequence_key(self._slug)))
        flat = cast(list[bytes], await self._call("HGETALL", watermark_key(self._slug)))
        return max(int(own or 0), *(int(sequence) for sequence in flat[1::2]), 0)

    async def will_drop(self, day: int) -> None:
        """Note, durably, that blocks of `day` are about to be dropped."""
        if day > await self.dropped_through():
            await self._call("SET", dropped_key(self._slug), day)

    async def copies(self, keys: Sequence[Key]) -> dict[Key, Copy]:
        """The copies that are kept of these blocks."""
        if not keys:
            return {}
        fields = [block_field(key) for key in keys]
        held = cast(list[bytes | None], await self._call("HMGET", copies_key(self._slug), fields))
        return {
            key: msgspec.msgpack.decode(copy, type=Copy)
            for key, copy in zip(keys, held, strict=True)
            if copy is not None
        }

    async def keep_copies(self, copies: Mapping[Key, Copy]) -> None:
        """Keep copies, over those of the same blocks."""
        if copies:
            flat: list[bytes] = []
            for key, copy in copies.items():
                flat += [block_field(key), msgspec.msgpack.encode(copy)]
            await self._call("HSET", copies_key(self._slug), flat)

    async def drop_copies(self, keys: Sequence[Key]) -> None:
        """Keep no copies of these blocks."""
        if keys:
            await self._call("HDEL", copies_key(self._slug), [block_field(key) for key in keys])

    async def every_copy(self) -> dict[Key, int]:
        """Every block that has a copy, with the copy's bytes."""
        flat = cast(list[bytes], await self._call("HGETALL", copies_key(self._slug)))
        return {
            block_named(name): len(name) + len(copy)
            for name, copy in zip(flat[::2], flat[1::2], strict=True)
        }

    async def reads(self, keys: Sequence[Key]) -> dict[Key, ReadCount]:
        """The counts of reads of these blocks that are kept."""
        found: dict[Key, ReadCount] = {}
        for begin in range(0, len(keys), _PAGE):
            some = keys[begin : begin + _PAGE]
            fields = [block_field(key) for key in some]
            held = cast(
                list[bytes | None], await self._call("HMGET", reads_key(self._slug), fields)
            )
            for key, count in zip(some, held, strict=True):
                if count is not None:
                    found[key] = ReadCount(*_COUNT.unpack(count))
        return found

    async def every_read(self) -> dict[Key, ReadCount]:
        """Every count of reads, a page at a time, so that nobody else waits for long."""
        found: dict[Key, ReadCount] = {}
        cursor = b"0"
        while True:
            reply = await self._call("HSCAN", reads_key(self._slug), cursor, "COUNT", _PAGE)
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for name, count in zip(flat[::2], flat[1::2], strict=True):
                found[block_named(name)] = ReadCount(*_COUNT.unpack(count))
            if cursor == b"0":
                return found

    async def keep_reads(self, counts: Mapping[Key, ReadCount]) -> None:
        """Keep counts, over those of the same blocks."""
        items = list(counts.items())
        for begin in range(0, len(items), _PAGE):
            flat: list[bytes] = []
            for key, count in items[begin : begin + _PAGE]:
                flat += [block_field(key), _COUNT.pack(count.reads, count.at_s)]
            await self._call("HSET", reads_key(self._slug), flat)

    async def forget_reads(self, keys: Sequence[Key]) -> None:
        """Keep no counts of these blocks."""
        for begin in range(0, len(keys), _PAGE):
            fields = [block_field(key) for key in keys[begin : begin + _PAGE]]
            await self._call("HDEL", reads_key(self._slug), fields)


def packed(slots: bytes) -> bytes:
    """Slots as a copy keeps them."""
    return zstandard.compress(slots, 3)


def unpacked(body: bytes) -> bytes:
    """The slots of a copy's body."""
    return zstandard.decompress(body, max_output_size=_MOST_BODY)
