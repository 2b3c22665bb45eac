"""The desk of a tenant's metering engineers at headquarters: the queue, edits, approvals, audit."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final

from storage.cold.audit_log import Actor, Audited, AuditFilter, read_audit, write_audit
from storage.cold.desk_edits import Decided, Written, keep_edits, settle_edit
from storage.cold.desk_entries import edge_of_desk
from storage.cold.edits import (
    KeptEdit,
    NewEdit,
    edits_of_stamps,
    list_edits,
    lock_edits,
)
from storage.cold.exception_queue import (
    ExceptionFilter,
    OpenException,
    assign,
    close,
    count_exceptions,
    list_exceptions,
    lock_exceptions,
)
from storage.cold.exceptions import FoundException, open_exceptions
from storage.cold.pool import Connection, Pool, transaction
from storage.cold.seen_values import is_edited_so, values_now
from storage.cold.settling import settle
from storage.cold.slot_versions import SlotVersion, read_versions
from storage.model.block import BlockKey

TIMEOUT_S: Final = 20.0
# A round reads the whole tail of their days, however few they are.
_SETTLE_AT_ONCE: Final = 500
_MOST_ROUNDS: Final = 20
_WAITING: Final = """
    SELECT (SELECT count(*) FROM exceptions WHERE state <> 'closed' AND state = 'open') AS open,
        (SELECT count(*) FROM edits WHERE state = 'pending') AS pending
"""


class PostgresDesk:
    """The desk in the schema that the pool's login finds first, writing as an edge of `zone`.

    Every method is one transaction, its audit included, and raises `StoreUnavailable` when there
    is no answer before the deadline.
    """

    def __init__(self, pool: Pool, *, zone: str) -> None:
        self._pool = pool
        self._zone = zone

    async def exceptions(
        self, asked: ExceptionFilter, *, after: int, limit: int
    ) -> list[OpenException]:
        """Up to `limit` exceptions by number, the oldest first, those above number `after`."""
        async with self._reading() as connection:
            return await list_exceptions(connection, asked, after=after, limit=limit)

    async def counts(self, asked: ExceptionFilter) -> list[dict[str, Any]]:
        """How many exceptions there are, by `rule`, `severity` and `state`."""
        async with self._reading() as connection:
            return await count_exceptions(connection, asked)

    async def raise_exceptions(self, found: Sequence[FoundException]) -> int:
        """Open exceptions that the desk itself found; see `open_exceptions`."""
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            return await open_exceptions(connection, found)

    async def assign(
        self, ids: Sequence[int], assignee: str | None, *, actor: Actor
    ) -> dict[int, Decided]:
        """Give exceptions that are not closed to `assignee`, or back to nobody."""
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            held = await lock_exceptions(connection, ids)
            taken = [one for one in held.values() if one.state != "closed"]
            await assign(connection, [one.id for one in taken], assignee)
            detail = {"assignee": assignee}
            rows = [one.audit(actor, "exception-assigned", detail=detail) for one in taken]
            await write_audit(connection, rows)
        assigned = {one.id for one in taken}
        return {
            one: Decided.ASSIGNED if one in assigned else _refusal(held.get(one))
            for one in dict.fromkeys(ids)
        }

    async def close(
        self, ids: Sequence[int], *, decision: str, reason: str, actor: Actor
    ) -> dict[int, Decided]:
        """Close open exceptions without a change of values: `accepted` or `dismissed`."""
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            held = await lock_exceptions(connection, ids)
            taken = [one for one in held.values() if one.state == "open"]
            await close(
                connection,
                [one.id for one in taken],
                decision=decision,
                reason=reason,
                by=actor.subject,
            )
            rows = [one.audit(actor, f"exception-{decision}", reason=reason) for one in taken]
            await write_audit(connection, rows)
        closed = {one.id for one in taken}
        return {
            one: Decided.CLOSED if one in closed else _refusal(held.get(one))
            for one in dict.fromkeys(ids)
        }

    async def write(
        self, edits: Sequence[NewEdit], *, reason: str, actor: Actor, needs_approval: bool
    ) -> list[Written]:
        """Enter edits and estimates into the record, each by itself; see `write_groups`."""
        written = await self.write_groups(
            [[edit] for edit in edits], reason=reason, actor=actor, needs_approval=needs_approval
        )
        return [of_group[0] for of_group in written]

    async def write_groups(
        self,
        groups: Sequence[Sequence[NewEdit]],
        *,
        reason: str,
        actor: Actor,
        needs_approval: bool,
    ) -> list[list[Written]]:
        """Enter groups of edits and estimates into the record, or keep them for an approval.

        A group is taken or refused as a whole: every exception that it names must be open, and
        with it becomes closed or pending. An estimate needs no approval. What is applied has its
        place in the order of versions from the commit on.
        """
        if not groups:
            return []
        named = {number for edits in groups for edit in edits for number in edit.exception_ids}
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            held = await lock_exceptions(connection, list(named)) if named else {}
            open_ids = {one.id for one in held.values() if one.state == "open"}
            refused: dict[int, Decided] = {}
            taken: list[NewEdit] = []
            for place, edits in enumerate(groups):
                numbers = {number for edit in edits for number in edit.exception_ids}
                wrong = sorted(numbers - open_ids)
                if wrong:
                    refused[place] = _refusal(held.get(wrong[0]))
                else:
                    # The next group of the same call finds them taken.
                    open_ids -= numbers
                    taken.extend(edits)
            kept = await keep_edits(
                connection,
                taken,
                reason=reason,
                actor=actor,
                needs_approval=needs_approval,
                zone=self._zone,
            )
        written = iter(kept)
        return [
            [Written(refused[place])] * len(edits)
            if place in refused
            else [next(written) for _ in edits]
            for place, edits in enumerate(groups)
        ]

    async def with_seen(self, edit: NewEdit) -> NewEdit:
        """The edit with the values that count now as those that its editor saw.

        Raises:
            BlockDamaged: a stored block is unreadable.
        """
        async with self._reading() as connection:
            return replace(edit, seen=await values_now(connection, edit))

    async def has_edit(self, edit: NewEdit) -> bool:
        """Whether each reading of `edit` holds its value already, as an edited one.

        Raises:
            BlockDamaged: a stored block is unreadable.
        """
        async with self._reading() as connection:
            return await is_edited_so(connection, edit)

    async def edits(
        self,
        *,
        states: Sequence[str] | None,
        meter_id: str | None,
        editor: str | None,
        after: int,
        limit: int,
    ) -> list[KeptEdit]:
        """Up to `limit` edits by number, the oldest first, those above number `after`."""
        async with self._reading() as connection:
            return await list_edits(
                connection,
                states=states,
                meter_id=meter_id,
                editor=editor,
                after=after,
                limit=limit,
            )

    async def decide(
        self, ids: Sequence[int], *, approve: bool, reason: str, actor: Actor
    ) -> dict[int, Decided]:
        """Approve or reject edits that wait; nobody decides about an edit of their own.

        An edit is `outdated`, and waits on, when the values that its editor saw are no longer
        those that count: it can be rejected, and made anew over what is there now.
        """
        outcomes: dict[int, Decided] = {}
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            held = await lock_edits(connection, ids)
            for number in dict.fromkeys(ids):
                one = held.get(number)
                if one is None:
                    outcomes[number] = Decided.NOT_FOUND
                elif one.state != "pending":
                    outcomes[number] = Decided.NOT_PENDING
                elif one.editor == actor.subject:
                    outcomes[number] = Decided.OWN_EDIT
                elif approve and await values_now(connection, one.edit) != one.edit.seen:
                    outcomes[number] = Decided.OUTDATED
                else:
                    outcomes[number] = await settle_edit(
                        connection,
                        one,
                        approve=approve,
                        reason=reason,
                        actor=actor,
                        zone=self._zone,
                    )
        return outcomes

    async def audit(self, asked: AuditFilter, *, before: int | None, limit: int) -> list[Audited]:
        """Up to `limit` rows of the audit log, the newest first, those under number `before`."""
        async with self._reading() as connection:
            return await read_audit(connection, asked, before=before, limit=limit)

    async def versions(
        self, keys: Sequence[BlockKey]
    ) -> tuple[list[SlotVersion], dict[int, KeptEdit]]:
        """Every version of one meter's intervals, and the edits among them by their sequence.

        Raises:
            BlockDamaged: a stored block is unreadable.
        """
        async with self._reading() as connection:
            found = await read_versions(connection, keys)
            edge = await edge_of_desk(connection, zone=self._zone)
            stamps = {one.sequence for one in found if one.edge == edge}
            if not stamps:
                return found, {}
            return found, await edits_of_stamps(connection, keys[0].meter_id, sorted(stamps))

    async def waiting(self) -> tuple[int, int]:
        """How many exceptions are open, and how many edits wait for an approval."""
        async with self._reading() as connection:
            row = await connection.fetchrow(_WAITING)
        return (0, 0) if row is None else (int(row["open"]), int(row["pending"]))

    async def settle(self) -> None:
        """Close the exceptions whose intervals have got the value that they were about."""
        for _ in range(_MOST_ROUNDS):
            async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
                if await settle(connection, limit=_SETTLE_AT_ONCE) < _SETTLE_AT_ONCE:
                    return

    def _reading(self) -> AbstractAsyncContextManager[Connection]:
        return transaction(self._pool, within_s=TIMEOUT_S, snapshot=True)


def _refusal(held: OpenException | None) -> Decided:
    return Decided.NOT_FOUND if held is None else Decided.NOT_OPEN
