"""Gateways, agents and PostgreSQL killed under load: the bill is the ledger, to the last record.

Three accounts are compared: what callers were answered, what the ledger at headquarters holds, and
what usage adds up to.
"""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime

import psutil
import pytest

from storage.cold.engine import create_engine
from storage.platform.ledger.record import CallRecord
from storage.platform.registry import open_registry
from storage.platform.usage.billing_rules import Kind, kind_of
from storage.platform.usage.bills import open_bills
from storage.platform.usage.month import Month
from storage.platform.usage.price_list import read_price_lists
from storage.platform.usage.verification import verify_month
from tests.e2e.callers import DEADLINE_S, Callers
from tests.e2e.lab import Lab
from tests.e2e.processes import Processes
from tests.e2e.seed import SEED

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

ANSWERS_PER_KILL = 40
ROUNDS = 2


def months_of(first: datetime) -> set[Month]:
    """The months that a test ran in: two, if a month ended meanwhile."""
    return {Month(at.date().replace(day=1)) for at in (first, datetime.now(UTC))}


async def ledger_of(lab: Lab, months: set[Month]) -> list[CallRecord]:
    """Every call of the months in the ledger, as its zones wrote it."""
    since, until = min(months).since, max(months).until
    async with open_registry(lab.running.stores.database_url) as registry:
        return [record async for record in registry.ledger.read(since=since, until=until)]


async def billed(lab: Lab, months: set[Month]) -> Counter[tuple[str, str]]:
    """Invocations by tenant and zone, as they are billed."""
    found: Counter[tuple[str, str]] = Counter()
    async with open_bills(
        lab.running.stores.database_url,
        price_lists=read_price_lists(),
        application_name="gridfaas-test",
    ) as bills:
        for tenant in lab.tenants:
            for month in months:
                bill = await bills.bill(tenant=tenant, month=month)
                for line in bill.usage.calls:
                    if line.kind == Kind.BILLED:
                        found[tenant, line.zone] += line.sums.records
    return found


async def test_the_bill_is_the_ledger_and_the_ledger_what_was_answered(shared_lab: Lab) -> None:
    lab, draw, processes = shared_lab, random.Random(f"{SEED} bill"), Processes(shared_lab)
    began, callers = datetime.now(UTC), Callers(shared_lab)
    victims = [f"{kind}-{z.name}" for z in lab.topology.zones for kind in ("gateway", "agent")]
    victims += ["postgres", "postgres"]
    async with callers.calling():
        for _ in range(ROUNDS):
            for name in draw.sample(victims, k=len(victims)):
                await callers.more(ANSWERS_PER_KILL)
                psutil.Process(await processes.supervised(name)).kill()
        await callers.more(ANSWERS_PER_KILL)
    months = months_of(began)
    async with asyncio.timeout(DEADLINE_S):
        await lab.recovered()
        while True:
            ledger = await ledger_of(lab, months)
            written = Counter(record.call_id for record in ledger)
            if callers.answered.keys() <= written.keys():
                break
            await asyncio.sleep(0.5)

    assert len(callers.answered) > ROUNDS * len(victims) * ANSWERS_PER_KILL
    assert [call for call, times in written.items() if times > 1] == []
    by_id = {record.call_id: record for record in ledger}
    for call_id, call in callers.answered.items():
        record = by_id[call_id]
        assert (record.tenant, record.zone, record.bytes_out, kind_of(record)) == (
            call.tenant,
            call.zone,
            call.bytes_out,
            Kind.BILLED,
        )

    # Calls whose answer a kill took away may be in the ledger: then they are in the bill, too.
    async with asyncio.timeout(DEADLINE_S):
        while True:
            invocations = Counter(
                (record.tenant, record.zone)
                for record in await ledger_of(lab, months)
                if kind_of(record) is Kind.BILLED
            )
            if invocations == await billed(lab, months):
                break
            await asyncio.sleep(0.5)
    assert sum(invocations.values()) >= len(callers.answered)


async def test_every_sum_is_what_its_records_add_up_to(shared_lab: Lab) -> None:
    engine = create_engine(shared_lab.running.stores.database_url, pool_size=1)
    month = Month.parse(f"{datetime.now(UTC):%Y-%m}")
    try:
        for tenant in shared_lab.tenants:
            verdict = await verify_month(engine, tenant=tenant, month=month)
            assert verdict.proven, verdict.differences
            assert verdict.records == verdict.usage.records()
    finally:
        await engine.dispose()


async def test_every_zone_says_what_it_stores(shared_lab: Lab) -> None:
    engine = create_engine(shared_lab.running.stores.database_url, pool_size=1)
    month, tenant = Month.parse(f"{datetime.now(UTC):%Y-%m}"), shared_lab.tenants[0]
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                verdict = await verify_month(engine, tenant=tenant, month=month)
                stored = {(one.zone, one.store): one for one in verdict.usage.stored}
                if ("zone-1", "cold") in stored:
                    break
                await asyncio.sleep(0.5)
    finally:
        await engine.dispose()

    assert stored["zone-1", "cold"].byte_hours > 0
    assert verdict.proven
