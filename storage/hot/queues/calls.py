"""Every tenant's queued calls in a zone: each step is one atomic function of its Redis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Final, cast

from storage.hot.command import Argument
from storage.hot.connection import HotConnection
from storage.hot.keys import QUEUES, queues_prefix
from storage.hot.queues.library import PREFIX
from storage.hot.queues.record import (
    Bounds,
    CallRecord,
    Origin,
    QueueFull,
    Request,
    Result,
    Retrying,
    State,
    record_of,
)

CALLBACK: Final = "cb:"


@dataclass(frozen=True, slots=True)
class Taken:
    """Work under a lease: the call, or with `tell` its callback. `member` renews the lease."""

    member: str
    record: CallRecord
    tell: bool


@dataclass(frozen=True, slots=True)
class Taking:
    """What was taken, and how soon something else is due (None: nothing waits)."""

    taken: list[Taken]
    next_due_s: float | None


def new_call_id() -> str:
    """Make the name of a call: 128 random bits in hex."""
    return token_hex(16)


def flatten(fields: Mapping[str, str | bytes | None]) -> list[Argument]:
    """Spread fields out as a command takes them; those that are None are left out."""
    return [part for name, value in fields.items() if value is not None for part in (name, value)]


def request_fields(
    request: Request, retrying: Retrying, *, origin: Origin
) -> dict[str, str | bytes | None]:
    """What is stored of a call besides its function."""
    return {
        "method": request.method,
        "target": request.target,
        "content_type": request.content_type,
        "body": request.body,
        "subject": request.subject,
        "callback": request.callback,
        "origin": origin.value,
        **retrying.fields(),
    }


class CallQueue:
    """The queues, as the `messaging` user.

    Every method raises StoreUnavailable when Redis does not answer, StoreFull at its limit of
    memory; what was under way then may have been carried out.
    """

    def __init__(self, connection: HotConnection) -> None:
        self._connection = connection

    async def tenants(self) -> list[str]:
        """Slugs that ever had something here."""
        found = cast(list[bytes], await self._connection.call("SMEMBERS", f"{QUEUES}:tenants"))
        return sorted(name.decode() for name in found)

    async def add(
        self, tenant: str, call_id: str, request: Request, *, retrying: Retrying, bounds: Bounds
    ) -> None:
        """Queue a call; durable when this returns, harmless when repeated with the same id.

        Raises:
            QueueFull: a bound would be passed.
        """
        full = await self._ask(
            "add",
            tenant,
            call_id,
            request.function,
            bounds.queue,
            bounds.bytes,
            flatten(request_fields(request, retrying, origin=Origin.ASYNC)),
        )
        if full:
            raise QueueFull(cast(bytes, full).decode())

    async def take(self, tenant: str, *, limit: int, lease_s: float) -> Taking:
        """Take what is due, oldest first, for `lease_s`; results whose time is over go."""
        reply = cast(list[object], await self._ask("take", tenant, limit, _ms(lease_s)))
        taken = []
        for member, flat in zip(reply[1::2], reply[2::2], strict=True):
            name = cast(bytes, member).decode()
            tell = name.startswith(CALLBACK)
            record = record_of(name.removeprefix(CALLBACK), cast(list[bytes], flat))
            taken.append(Taken(name, record, tell))
        next_ms = cast(int, reply[0])
        return Taking(taken, None if next_ms < 0 else next_ms / 1000)

    async def renew(self, tenant: str, members: Sequence[str], *, lease_s: float) -> set[str]:
        """Keep what is under way; return what has ended otherwise, as by a cancellation."""
        gone = await self._ask("renew", tenant, _ms(lease_s), members)
        return {name.decode() for name in cast(list[bytes], gone)}

    async def finish(
        self,
        tenant: str,
        record: CallRecord,
        state: State,
        *,
        result: Result | None,
        reason: str,
        letters: Bounds,
    ) -> str:
        """Record how a call ended, once; a failed one becomes a dead letter in the same step.

        Returns "recorded", "late" when it has ended or is under way again, "gone".
        """
        fields = {} if result is None else flatten({**result.fields()})
        reply = await self._ask(
            "finish",
            tenant,
            record.id,
            record.dispatches,
            state.value,
            reason,
            letters.queue,
            letters.bytes,
            list(fields),
        )
        return cast(bytes, reply).decode()

    async def again(
        self, tenant: str, record: CallRecord, *, delay_s: float, counted: bool, reason: str
    ) -> str:
        """Queue a call once more after `delay_s`; answers as `finish`."""
        reply = await self._ask(
            "again",
            tenant,
            record.id,
            record.dispatches,
            _ms(delay_s),
            int(counted),
            reason,
        )
        return cast(bytes, reply).decode()

    async def cancel(self, tenant: str, call_id: str) -> State | None:
        """Cancel a call that has not ended; return the state before, None for an unknown one."""
        was = cast(bytes, await self._ask("cancel", tenant, call_id)).decode()
        return State(was) if was else None

    async def read(self, tenant: str, call_id: str) -> CallRecord | None:
        """Return a call of the tenant; None when there is none, or none any more."""
        flat = await self._connection.call("HGETALL", f"{queues_prefix(tenant)}:c:{call_id}")
        return record_of(call_id, cast(list[bytes], flat)) if flat else None

    async def told(
        self,
        tenant: str,
        call_id: str,
        *,
        state: str,
        delay_s: float = 0.0,
        status: int | None,
        error: str,
    ) -> None:
        """Record an attempt at the callback: "delivered", "failed", or "pending" for another."""
        await self._ask("told", tenant, call_id, state, _ms(delay_s), status or 0, error)

    async def waiting(self, tenant: str) -> dict[str, int]:
        """Open calls by function."""
        flat = cast(
            list[bytes], await self._connection.call("HGETALL", f"{queues_prefix(tenant)}:open")
        )
        return {
            name.decode(): int(count) for name, count in zip(flat[::2], flat[1::2], strict=True)
        }

    async def oldest_due_s(self, tenant: str) -> float:
        """For how long the call that has waited longest is due; 0 when none is."""
        due = f"{queues_prefix(tenant)}:due"
        first = cast(list[bytes], await self._connection.call("ZRANGE", due, 0, 0, "WITHSCORES"))
        if not first:
            return 0.0
        seconds, micros = cast(list[bytes], await self._connection.call("TIME"))
        return max(0.0, int(seconds) + int(micros) / 1e6 - float(first[1]) / 1e3)

    async def _ask(
        self, name: str, tenant: str, *arguments: Argument | Sequence[Argument]
    ) -> object:
        return await self._connection.call(
            "FCALL", f"{PREFIX}{name}", 1, queues_prefix(tenant), *arguments
        )


def _ms(seconds: float) -> int:
    return max(0, int(seconds * 1000))
