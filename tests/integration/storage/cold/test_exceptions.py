"""Exceptions are opened once, renewed by newer findings, and stay closed for old ones."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from storage.cold.exceptions import open_exceptions
from storage.cold.pool import Pool

DAY = 20_454


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as a rule of zone 2 would say it."""

    meter_id: str = "A"
    register: str = "1-0:1.8.0"
    day: int = DAY
    interval_s: int = 900
    first_slot: int = 4
    count: int = 2
    rule: str = "interval-spike"
    severity: str = "error"
    iec_code: str | None = "3.6.3"
    rule_group: str | None = "default"
    group_version: int | None = 1
    zone: str = "zone-2"
    found_at: int = 1_000


async def opened(pool: Pool, *findings: Finding) -> int:
    async with pool.acquire() as connection, connection.transaction():
        return await open_exceptions(connection, findings)


async def kept(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT meter_id, first_slot, slots, rule, found_at, state FROM exceptions ORDER BY id"
        )
    return [tuple(row) for row in rows]


async def close_all(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("UPDATE exceptions SET state = 'closed', decision = 'dismissed'")


async def test_one_is_open_for_a_place_and_a_rule(pool: Pool) -> None:
    other_rule = Finding(rule="high-low", iec_code=None, rule_group=None, group_version=None)

    first = await opened(pool, Finding(), other_rule, Finding(first_slot=9), Finding())
    again = await opened(pool, Finding(), other_rule)

    assert (first, again) == (3, 0)
    assert [row[1:4] for row in await kept(pool)] == [
        (4, 2, "high-low"),
        (4, 2, "interval-spike"),
        (9, 2, "interval-spike"),
    ]


async def test_a_newer_finding_renews_the_open_one_and_an_older_does_not(pool: Pool) -> None:
    await opened(pool, Finding(count=2, found_at=1_000))
    await opened(pool, Finding(count=5, found_at=2_000))
    await opened(pool, Finding(count=1, found_at=1_500))

    assert await kept(pool) == [("A", 4, 5, "interval-spike", 2_000, "open")]


async def test_a_closed_one_is_opened_anew_by_a_newer_finding_only(pool: Pool) -> None:
    await opened(pool, Finding())
    await close_all(pool)

    resent = await opened(pool, Finding())
    newer = await opened(pool, Finding(found_at=1_001))

    assert (resent, newer) == (0, 1)
    assert [row[-1] for row in await kept(pool)] == ["closed", "open"]


async def test_two_that_bring_the_same_at_once_open_it_once(pool: Pool) -> None:
    counts = await asyncio.gather(*(opened(pool, Finding(), Finding(meter_id="B")) for _ in "123"))

    assert sorted(counts) == [0, 0, 2]
    assert len(await kept(pool)) == 2


@pytest.mark.parametrize(
    "impossible",
    [
        pytest.param({"meter_id": "A\0"}, id="nul"),
        pytest.param({"rule": ""}, id="no_rule"),
        pytest.param({"severity": "fatal"}, id="severity"),
        pytest.param({"interval_s": 7_000}, id="interval"),
        pytest.param({"first_slot": 96}, id="slot_after_the_day"),
        pytest.param({"first_slot": 95, "count": 2}, id="over_midnight"),
        pytest.param({"day": -1}, id="before_1970"),
        pytest.param({"found_at": 1 << 63}, id="too_late"),
    ],
)
async def test_what_no_table_can_hold_does_not_stop_the_rest(
    pool: Pool, impossible: dict[str, Any]
) -> None:
    assert await opened(pool, replace(Finding(), **impossible), Finding(meter_id="B")) == 1
    assert [row[0] for row in await kept(pool)] == ["B"]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM exceptions", id="delete_an_exception"),
        pytest.param("UPDATE audit_log SET actor = 'somebody'", id="change_the_audit"),
        pytest.param("DELETE FROM audit_log", id="delete_from_the_audit"),
        pytest.param("TRUNCATE audit_log", id="empty_the_audit"),
        pytest.param(
            "INSERT INTO audit_log (at, actor, role, action) VALUES (now(), 'a', 'b', 'c')",
            id="antedate_the_audit",
        ),
        pytest.param("DELETE FROM approvals", id="delete_an_approval"),
        pytest.param("UPDATE approvals SET approver = 'b'", id="change_an_approval"),
        pytest.param("DELETE FROM edits", id="delete_an_edit"),
        pytest.param("UPDATE edits SET editor = 'b'", id="change_an_edit"),
        pytest.param("INSERT INTO desk VALUES (false, 0, 0)", id="a_second_clock"),
    ],
)
async def test_a_tenant_adds_to_its_logs_and_changes_nothing_in_them(
    pool: Pool, statement: str
) -> None:
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO audit_log (actor, role, action) VALUES ('key', 'tenant-admin', 'edit')"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        assert await connection.fetchval("SELECT actor FROM audit_log") == "key"
