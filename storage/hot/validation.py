"""What a zone relayed and has not validated yet, and what it holds of findings, as a tenant."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import (
    findings_key,
    gap_looks_key,
    read_instants_key,
    uplink_bytes_key,
    uplink_key,
    validation_bytes_key,
    validation_key,
    validation_state_key,
)
from storage.hot.library import SETTLE

_ENTRY_BYTES: Final = 64
"""As the library counts an entry."""
_PAGE: Final = 64
_FIELDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A relayed batch that waits: the bitmap of what it excludes, and its encoded readings."""

    id: str
    excluded: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes as the library counts them."""
        return len(self.excluded) + len(self.payload) + _ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class ValidationState:
    """What a turn of validation goes by: nobody else may have settled since `generation`.

    `newest_s` is the end of the newest interval that was validated, in seconds since 1970.
    """

    generation: int
    newest_s: int


class HotValidation:
    """The stream of what waits, and the hash of what was found, of one tenant."""

    def __init__(
        self, connection: HotConnection, *, slug: str, zone: str, uplink_limit_bytes: int
    ) -> None:
        """`zone` is the edge that findings are stamped with."""
        self._connection = connection
        self._slug = slug
        self._zone = zone
        self._limit = uplink_limit_bytes

    async def waiting(self, *, max_bytes: int) -> list[Waiting]:
        """The oldest batches that wait, `max_bytes` together, but at least one if there is any.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        found: list[Waiting] = []
        room, after = max_bytes, "-"
        while True:
            reply = await self._connection.call(
                "XRANGE", validation_key(self._slug), after, "+", "COUNT", _PAGE
            )
            rows = cast(list[tuple[bytes, list[bytes]]], reply)
            for stream_id, flat in rows:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                one = Waiting(stream_id.decode(), fields[b"x"], fields[b"p"])
                room -= one.size
                if room < 0 and found:
                    return found
                found.append(one)
                after = f"({one.id}"
            if len(rows) < _PAGE:
                return found

    async def backlog(self) -> tuple[int, int]:
        """How many batches wait, and how many bytes they are about."""
        entries = cast(int, await self._connection.call("XLEN", validation_key(self._slug)))
        held = await self._connection.call("GET", validation_bytes_key(self._slug))
        return entries, int(cast(bytes | None, held) or 0)

    async def state(self) -> ValidationState:
        """What the next turn goes by."""
        held = cast(
            bytes | None, await self._connection.call("GET", validation_state_key(self._slug))
        )
        generation, newest_s, _ = (held or b"0 0 0").split()
        return ValidationState(int(generation), int(newest_s))

    async def settle(
        self,
        state: ValidationState,
        *,
        newest_s: int,
        done: Sequence[Waiting],
        payload: bytes,
        findings: Mapping[str, bytes],
        looks: Mapping[str, bytes],
    ) -> ValidationState | None:
        """End a turn in one durable step; None when somebody else ended one, and nothing is done.

        `done` leave the stream, `findings` are held by their blocks' names from now on (empty: none
        any more), `looks` by the names of series likewise, and `payload`, unless it is empty, goes
        to the parent.

        Raises:
            StoreFull, StoreUnavailable: begin the turn again.
        """
        slug = self._slug
        keys = (
            validation_key(slug),
            validation_bytes_key(slug),
            validation_state_key(slug),
            findings_key(slug),
            uplink_key(slug),
            uplink_bytes_key(slug),
            gap_looks_key(slug),
        )
        arguments = (
            state.generation,
            newest_s,
            done[-1].id if done else "",
            sum(one.size for one in done),
            self._zone,
            self._limit,
            payload,
            len(findings),
        )
        held = chain(findings.items(), looks.items())
        records = [part for name, record in held for part in (name, record)]
        reply = await self._connection.call("FCALL", SETTLE, len(keys), keys, arguments, records)
        if cast(int, reply) != state.generation + 1:
            return None
        return ValidationState(state.generation + 1, newest_s)

    async def read_instants(self, *, most: int) -> dict[tuple[str, str], int] | None:
        """The newest instant of a read that is known, by meter and register.

        None when more than `most` are; `instants_of` gives those of a turn.
        """
        count = cast(int, await self._connection.call("HLEN", read_instants_key(self._slug)))
        if count > most:
            return None
        found: dict[tuple[str, str], int] = {}
        cursor = b"0"
        while True:
            reply = await self._connection.call(
                "HSCAN", read_instants_key(self._slug), cursor, "COUNT", _FIELDS
            )
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for name, at in zip(flat[::2], flat[1::2], strict=True):
                register, _, meter_id = name.decode().partition("/")
                found[meter_id, register] = int(at)
            if cursor == b"0":
                return found

    async def instants_of(self, series: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """As `read_instants`, of these meters and registers."""
        found: dict[tuple[str, str], int] = {}
        for begin in range(0, len(series), _FIELDS):
            some = series[begin : begin + _FIELDS]
            names = [f"{register}/{meter_id}" for meter_id, register in some]
            reply = await self._connection.call("HMGET", read_instants_key(self._slug), names)
            instants = zip(some, cast(list[bytes | None], reply), strict=True)
            found |= {one: int(at) for one, at in instants if at is not None}
        return found

    async def note_reads(self, newest: Mapping[tuple[str, str], int]) -> None:
        """Hold newer instants; before a turn is settled, so that none is forgotten."""
        fields: list[str | int] = []
        for (meter_id, register), at in newest.items():
            fields += (f"{register}/{meter_id}", at)
        for begin in range(0, len(fields), 2 * _FIELDS):
            some = fields[begin : begin + 2 * _FIELDS]
            await self._connection.call("HSET", read_instants_key(self._slug), some)

    async def findings(self, names: Sequence[str]) -> dict[str, bytes]:
        """What is held of the blocks of these names; those without anything are left out."""
        return await self._some(findings_key(self._slug), names)

    async def looks_of(self, names: Sequence[str]) -> dict[str, bytes]:
        """The times in which gaps are to be looked for in the series of these names, likewise."""
        return await self._some(gap_looks_key(self._slug), names)

    def all_findings(self) -> AsyncIterator[tuple[str, bytes]]:
        """Every block's name with what is held of it; one may come twice."""
        return self._all(findings_key(self._slug))

    def all_looks(self) -> AsyncIterator[tuple[str, bytes]]:
        """Every series whose gaps are to be looked for, with the time; one may come twice."""
        return self._all(gap_looks_key(self._slug))

    async def _some(self, key: str, names: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for begin in range(0, len(names), _FIELDS):
            some = names[begin : begin + _FIELDS]
            reply = await self._connection.call("HMGET", key, some)
            records = cast(list[bytes | None], reply)
            found |= {
                name: record
                for name, record in zip(some, records, strict=True)
                if record is not None
            }
        return found

    async def _all(self, key: str) -> AsyncIterator[tuple[str, bytes]]:
        cursor = b"0"
        while True:
            reply = await self._connection.call("HSCAN", key, cursor, "COUNT", _FIELDS)
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            for name, record in zip(flat[::2], flat[1::2], strict=True):
                yield name.decode(), record
            if cursor == b"0":
                return
