"""Exceptions that settle themselves, and which the fold has looked at again."""

import time

from storage.cold.audit_log import AuditFilter
from storage.cold.desk import PostgresDesk
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from tests.integration.storage.cold.at_the_desk import (
    NOW_US,
    edit,
    estimate,
    fold,
    metered,
    queue,
    write,
)
from tests.integration.storage.cold.test_exceptions import DAY, Finding


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
