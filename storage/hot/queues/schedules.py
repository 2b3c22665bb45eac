"""Which instants of a tenant's schedules have fired in a zone."""

from typing import cast

from storage.hot.connection import HotConnection
from storage.hot.keys import queues_prefix
from storage.hot.queues.calls import flatten, new_call_id, request_fields
from storage.hot.queues.library import PREFIX
from storage.hot.queues.record import Bounds, Origin, QueueFull, Request, Retrying


class Schedules:
    """The marks of schedules, as the `messaging` user; raises as `CallQueue`."""

    def __init__(self, connection: HotConnection) -> None:
        self._connection = connection

    async def known(self, tenant: str) -> dict[str, int]:
        """By schedule, the last instant that fired, or when it was first seen (UTC, s)."""
        reply = await self._connection.call("HGETALL", f"{queues_prefix(tenant)}:s")
        flat = cast(list[bytes], reply)
        return {name.decode(): int(at) for name, at in zip(flat[::2], flat[1::2], strict=True)}

    async def begin(self, tenant: str, schedule: str, *, at_s: int) -> None:
        """Remember a schedule from `at_s` on: what was due before does not fire."""
        await self._connection.call("HSETNX", f"{queues_prefix(tenant)}:s", schedule, at_s)

    async def forget(self, tenant: str, schedule: str) -> None:
        """Forget a schedule that no function has any more."""
        await self._connection.call("HDEL", f"{queues_prefix(tenant)}:s", schedule)

    async def fire(
        self,
        tenant: str,
        schedule: str,
        *,
        at_s: int,
        request: Request,
        scheduled: str,
        retrying: Retrying,
        bounds: Bounds,
    ) -> str | None:
        """Queue the call of an instant and mark it as fired, in one step; return the call's id.

        None when this instant, or a later one, has fired before.

        Raises:
            QueueFull: the function's queue has no room; nothing is marked.
        """
        fields = request_fields(request, retrying, origin=Origin.SCHEDULE)
        call_id = new_call_id()
        reply = await self._connection.call(
            *("FCALL", f"{PREFIX}fire", 1, queues_prefix(tenant)),
            *(schedule, at_s, call_id, request.function, bounds.queue, bounds.bytes),
            flatten({**fields, "scheduled": scheduled}),
        )
        how = cast(bytes, reply).decode()
        if how == "before":
            return None
        if how != "fired":
            raise QueueFull(how)
        return call_id
