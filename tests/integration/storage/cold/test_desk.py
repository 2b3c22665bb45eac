"""What the desk writes: its rank against what comes later, approvals, and what settles itself."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from storage.cold.audit_log import Actor, AuditFilter
from storage.cold.desk import PostgresDesk
from storage.cold.desk_edits import Decided
from storage.cold.desk_entries import batch_of
from storage.cold.edits import NewEdit
from storage.cold.exception_queue import ExceptionFilter, OpenException
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.cold.slot_versions import Standing
from storage.model.block import PRESENT, BlockKey
from storage.model.event_block import EventKey
from storage.model.uplink import UplinkEntry
from tests.integration.storage.cold.test_exceptions import DAY, Finding

REGISTER = "1-0:1.8.0"
KEY = BlockKey("A", REGISTER, DAY, 900)
ANN, BEN = Actor("key-ann", "tenant-admin"), Actor("key-ben", "operator")
NOW_US = time.time_ns() // 1000


@pytest.fixture
def desk(pool: Pool) -> PostgresDesk:
    return PostgresDesk(pool, zone="zone-1")


@pytest.fixture
def record(pool: Pool) -> PostgresRecordStore:
    return PostgresRecordStore(pool)


async def metered(
    record: PostgresRecordStore,
    values: Sequence[int],
    *,
    sequence: int,
    first_slot: int = 0,
    quality: int = 0,
    edge: str = "zone-3a#1",
) -> None:
    """Values of meter A as an edge acknowledged them, at `sequence`."""
    batch = batch_of(
        meter_id="A",
        register=REGISTER,
        interval_s=900,
        start_s=DAY * 86_400 + first_slot * 900,
        values=values,
        quality=[quality] * len(values),
    )
    await record.append([UplinkEntry(edge, sequence, b"", batch.encode())], caller="zone-2")


def edit(values: Sequence[int], seen: Sequence[int | None], **changes: Any) -> NewEdit:
    form: dict[str, Any] = {
        "kind": "edit",
        "meter_id": "A",
        "register": REGISTER,
        "interval_s": 900,
        "start_s": DAY * 86_400,
        "values": tuple(values),
        "quality": (7,) * len(values),
        "seen": tuple(seen),
        "method": "manual",
    }
    return NewEdit(**(form | changes))


def estimate(values: Sequence[int], **changes: Any) -> NewEdit:
    count = len(values)
    changes = {"kind": "estimate", "quality": (8,) * count, "method": "proxy-day"} | changes
    return edit(values, [None] * count, **changes)


async def write(
    desk: PostgresDesk, *edits: NewEdit, actor: Actor = ANN, needs_approval: bool = False
) -> list[tuple[str, int | None]]:
    found = await desk.write(
        edits, reason="as told by the customer", actor=actor, needs_approval=needs_approval
    )
    return [(one.outcome, one.edit_id) for one in found]


async def final(record: PostgresRecordStore, count: int) -> list[tuple[int, int] | None]:
    """(value, quality) of the first intervals."""
    block = (await record.read([KEY])).get(KEY)
    if block is None:
        return [None] * count
    return [
        (int(cell["final"]), int(cell["quality"])) if cell["flags"] & PRESENT else None
        for cell in block[:count]
    ]


async def queue(desk: PostgresDesk, **asked: Any) -> list[OpenException]:
    return await desk.exceptions(ExceptionFilter(**asked), after=0, limit=100)


async def fold(record: PostgresRecordStore) -> None:
    while (await record.fold(max_entries=1_000)).moved:
        pass


async def test_an_edit_outranks_whatever_the_edge_sends_again_or_later(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5, 6], sequence=NOW_US)
    await write(desk, edit([50, 6], [5, 6]))

    # A resend through another zone, and a correction of tomorrow.
    await metered(record, [5, 6], sequence=NOW_US, edge="zone-3b#1")
    await metered(record, [7, 8], sequence=NOW_US + 86_400_000_000)
    before = await final(record, 2)
    await fold(record)

    assert before == await final(record, 2) == [(50, 7), (6, 7)]
    block = (await record.read([KEY]))[KEY]
    assert block["raw"][:2].tolist() == [7, 8]


async def test_a_newer_edit_counts_and_each_is_told_from_the_other(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5], sequence=NOW_US)
    [(_, first)] = await write(desk, edit([50], [5]))
    [(_, second)] = await write(desk, edit([60], [50]), actor=BEN)

    versions, edits = await desk.versions([KEY])

    assert [(one.value, one.quality, one.standing) for one in versions] == [
        (5, 0, Standing.METERED),
        (50, 7, Standing.REPLACED),
        (60, 7, Standing.CURRENT),
    ]
    assert [edits[one.sequence].id for one in versions[1:]] == [first, second]
    await fold(record)
    assert (await desk.versions([KEY]))[0] == versions


async def test_an_estimate_never_counts_beside_an_actual_value(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5], sequence=NOW_US)
    await write(desk, estimate([50, 60, 70]))
    await metered(record, [6], sequence=NOW_US - 1_000_000, first_slot=1, edge="zone-3b#1")

    assert await final(record, 3) == [(5, 0), (6, 0), (70, 8)]


async def test_an_edit_waits_for_another_key_than_the_editors(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5, 6], sequence=NOW_US)
    await desk.raise_exceptions([Finding(first_slot=0)])
    [exception] = await queue(desk)
    settles = edit([50, 6], [5, 6], exception_ids=(exception.id,))

    [(outcome, number)] = await write(desk, settles, needs_approval=True)
    assert number is not None
    assert (outcome, await final(record, 1)) == (Decided.PENDING, [(5, 0)])
    assert [one.state for one in await queue(desk)] == ["pending"]
    own = await desk.decide([number], approve=True, reason="mine", actor=ANN)
    assert (own, await final(record, 1)) == ({number: Decided.OWN_EDIT}, [(5, 0)])

    approved = await desk.decide([number, 99], approve=True, reason="seen", actor=BEN)
    again = await desk.decide([number], approve=True, reason="seen", actor=BEN)

    assert approved == {number: Decided.APPLIED, 99: Decided.NOT_FOUND}
    assert again == {number: Decided.NOT_PENDING}
    assert await final(record, 2) == [(50, 7), (6, 7)]
    [closed] = await queue(desk, states=None)
    assert (closed.state, closed.decision, closed.decided_by) == ("closed", "edited", "key-ann")
    [kept] = await desk.edits(states=None, meter_id="A", editor=None, after=0, limit=10)
    assert (kept.state, kept.editor, kept.approver) == ("applied", "key-ann", "key-ben")


async def test_an_edit_over_a_value_that_changed_is_outdated(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5], sequence=NOW_US)
    await desk.raise_exceptions([Finding(first_slot=0, count=1)])
    [exception] = await queue(desk)
    [(_, number)] = await write(
        desk, edit([50], [5], exception_ids=(exception.id,)), needs_approval=True
    )
    assert number is not None
    await metered(record, [9], sequence=NOW_US + 1)

    outdated = await desk.decide([number], approve=True, reason="seen", actor=BEN)
    rejected = await desk.decide([number], approve=False, reason="it came", actor=BEN)

    assert (outdated, rejected) == ({number: Decided.OUTDATED}, {number: Decided.REJECTED})
    assert await final(record, 1) == [(9, 0)]
    assert [one.state for one in await queue(desk)] == ["open"]


async def test_a_register_read_is_edited_at_its_instant(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    read = edit([81_250_400], [None], interval_s=0, start_s=DAY * 86_400 + 7)

    await write(desk, read)

    key = EventKey("A", REGISTER, DAY, 0)
    [event] = (await record.read_events([key]))[key]
    assert (event["at"], event["final"], event["quality"]) == (7, 81_250_400, 7)


async def test_edits_over_midnight_are_taken_into_both_days(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await write(desk, edit([1, 2, 3], [None] * 3, start_s=(DAY + 1) * 86_400 - 900))
    await fold(record)

    tomorrow = BlockKey("A", REGISTER, DAY + 1, 900)
    blocks = await record.read([KEY, tomorrow])
    assert blocks[KEY]["final"][-1] == 1
    assert blocks[tomorrow]["final"][:2].tolist() == [2, 3]


async def test_exceptions_of_a_decision_are_open_or_the_edit_is_refused(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await desk.raise_exceptions([Finding(first_slot=slot) for slot in (0, 4)])
    first, second = (one.id for one in await queue(desk))
    closed = await desk.close([first, 99], decision="dismissed", reason="known", actor=ANN)

    found = await write(
        desk,
        edit([1], [None], exception_ids=(first,)),
        edit([2], [None], exception_ids=(second,)),
        edit([3], [None], exception_ids=(second,)),
    )

    assert closed == {first: Decided.CLOSED, 99: Decided.NOT_FOUND}
    assert [outcome for outcome, _ in found] == ["not-open", "applied", "not-open"]
    assert await final(record, 1) == [(2, 7)]


async def test_a_gap_settles_when_all_its_intervals_have_an_actual_value(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    gap = Finding(rule="missing-interval", first_slot=0, count=2, found_at=NOW_US)
    await desk.raise_exceptions([gap])
    await write(desk, estimate([50, 60]))
    await desk.settle()
    # It came before the finding, through a slower way.
    await metered(record, [5], sequence=NOW_US - 1_000_000)
    await fold(record)
    await desk.settle()
    assert [one.state for one in await queue(desk)] == ["open"]

    await metered(record, [6], sequence=NOW_US + 1, first_slot=1)
    await fold(record)
    await desk.settle()

    [closed] = await queue(desk, states=None)
    assert (closed.decision, closed.reason, closed.decided_by) == (
        "settled",
        "actual-value",
        "gridfaas",
    )
    [row] = await desk.audit(AuditFilter(action="exception-settled"), before=None, limit=10)
    assert (row.row.exception_id, row.row.actor.role) == (closed.id, "platform")


async def test_a_finding_about_a_value_settles_when_a_later_one_replaces_it(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [9_000, 9_100], sequence=NOW_US)
    await desk.raise_exceptions([Finding(first_slot=0, count=2, found_at=NOW_US + 1_000)])
    await fold(record)
    await desk.settle()
    await metered(record, [90], sequence=NOW_US + 3_600_000_000)
    await fold(record)
    await desk.settle()
    assert [one.state for one in await queue(desk)] == ["open"]

    await write(desk, edit([91], [9_100], start_s=DAY * 86_400 + 900))
    await metered(record, [92], sequence=NOW_US + 3_600_000_001, first_slot=1)
    await fold(record)
    await desk.settle()

    assert [one.reason for one in await queue(desk, states=None)] == ["value-replaced"]


async def test_the_fold_leaves_other_meters_exceptions_alone(
    desk: PostgresDesk, record: PostgresRecordStore, pool: Pool
) -> None:
    rule = "missing-interval"
    await desk.raise_exceptions([Finding(rule=rule), Finding(rule=rule, meter_id="B")])
    await desk.settle()
    await metered(record, [5], sequence=NOW_US, first_slot=4)
    await fold(record)

    async with pool.acquire() as connection:
        due = await connection.fetch("SELECT meter_id FROM exceptions WHERE check_due")
    assert [row["meter_id"] for row in due] == ["A"]


async def due(pool: Pool) -> list[tuple[str, int]]:
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT rule, first_slot FROM exceptions WHERE check_due ORDER BY rule, first_slot"
        )
    return [(row["rule"], row["first_slot"]) for row in rows]


async def test_the_fold_has_those_looked_at_that_what_it_wrote_may_settle(
    desk: PostgresDesk, record: PostgresRecordStore, pool: Pool
) -> None:
    await desk.raise_exceptions(
        [
            Finding(rule=rule, first_slot=first_slot, count=2, found_at=NOW_US)
            for rule in ("missing-interval", "spike")
            for first_slot in (4, 8)
        ]
    )
    await desk.settle()

    await metered(record, [5], sequence=NOW_US + 1, first_slot=5)
    await fold(record)
    soon = await due(pool)
    await desk.settle()
    await metered(record, [6, 7], sequence=NOW_US + 3_600_000_000, first_slot=9)
    await fold(record)

    assert soon == [("missing-interval", 4)]
    assert await due(pool) == [("missing-interval", 8), ("spike", 8)]


async def test_a_finding_is_looked_at_once_a_value_of_here_can_have_replaced_its_own(
    desk: PostgresDesk, pool: Pool
) -> None:
    an_hour_us = 3_600_000_000
    await desk.raise_exceptions(
        [
            Finding(rule="spike", first_slot=0, found_at=time.time_ns() // 1000),
            Finding(rule="spike", first_slot=4, found_at=NOW_US - an_hour_us),
            Finding(rule="missing-interval", first_slot=8, found_at=time.time_ns() // 1000),
        ]
    )

    assert await due(pool) == [("missing-interval", 8), ("spike", 4)]


async def test_everything_is_audited_with_who_and_why(desk: PostgresDesk) -> None:
    await desk.raise_exceptions([Finding(first_slot=slot) for slot in (0, 4)])
    first, second = (one.id for one in await queue(desk))
    await desk.assign([first, second], "key-ben", actor=ANN)
    await desk.close([second], decision="accepted", reason="a feast", actor=BEN)
    await write(desk, edit([1], [None], exception_ids=(first,)))

    rows = [one.row for one in await desk.audit(AuditFilter(), before=None, limit=10)]

    assert [(row.action, row.actor, row.exception_id) for row in rows] == [
        ("edit-applied", ANN, None),
        ("exception-accepted", BEN, second),
        ("exception-assigned", ANN, second),
        ("exception-assigned", ANN, first),
    ]
    assert rows[0].detail == {
        "method": "manual",
        "exception_ids": [first],
        "seen": [None],
        "values": [1],
    }
    assert await queue(desk, states=None, assignee="key-ben") != []


async def test_of_two_that_decide_at_once_one_does(
    desk: PostgresDesk, record: PostgresRecordStore
) -> None:
    await metered(record, [5], sequence=NOW_US)
    await desk.raise_exceptions([Finding(first_slot=0, count=1)])
    [exception] = await queue(desk)
    edits = [
        desk.write(
            [edit([value], [5], exception_ids=(exception.id,))],
            reason="both were told",
            actor=actor,
            needs_approval=True,
        )
        for value, actor in ((50, ANN), (60, BEN))
    ]

    written = [one for [one] in await asyncio.gather(*edits)]

    assert sorted(one.outcome for one in written) == [Decided.NOT_OPEN, Decided.PENDING]
    [number] = [one.edit_id for one in written if one.edit_id is not None]
    carl, dora = Actor("key-carl", "operator"), Actor("key-dora", "operator")
    decided = await asyncio.gather(
        *(
            desk.decide([number], approve=approve, reason="seen", actor=actor)
            for approve, actor in ((True, carl), (False, dora))
        )
    )
    outcomes = {one[number] for one in decided}
    assert outcomes - {Decided.NOT_PENDING} in ({Decided.APPLIED}, {Decided.REJECTED})
    assert Decided.NOT_PENDING in outcomes
    assert len(await desk.audit(AuditFilter(edit_id=number), before=None, limit=10)) == 2


async def test_stamps_rise_however_many_write_at_once(
    desk: PostgresDesk, record: PostgresRecordStore, pool: Pool
) -> None:
    await asyncio.gather(
        *(write(desk, edit([value], [None], start_s=DAY * 86_400)) for value in range(8))
    )

    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT sequence, new_values FROM edits ORDER BY sequence")
        tail = await connection.fetch("SELECT edge, last_sequence FROM tail ORDER BY id")
    sequences = [row["sequence"] for row in rows]
    assert len(set(sequences)) == 8
    assert [row["last_sequence"] for row in tail] == sequences
    assert len({row["edge"] for row in tail}) == 1
    assert await final(record, 1) == [(rows[-1]["new_values"][0], 7)]
