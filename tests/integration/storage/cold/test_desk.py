"""What the desk writes: its rank against what comes later, approvals, and the audit."""

import asyncio

from storage.cold.audit_log import Actor, AuditFilter
from storage.cold.desk import PostgresDesk
from storage.cold.desk_edits import Decided
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.cold.slot_versions import Standing
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from tests.integration.storage.cold.at_the_desk import (
    ANN,
    BEN,
    KEY,
    NOW_US,
    REGISTER,
    edit,
    estimate,
    final,
    fold,
    metered,
    queue,
    write,
)
from tests.integration.storage.cold.test_exceptions import DAY, Finding


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
