"""Usage and bills over a real ledger: sums, closing, corrections, proof, and counting anew."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.platform import tables
from storage.platform.ledger.batch import LedgerBatch, pack_frames, read_batch
from storage.platform.ledger.record import Record, StorageSample
from storage.platform.ledger.segment import frame
from storage.platform.ledger.store import LedgerStore
from storage.platform.usage import rollup
from storage.platform.usage.billing_rules import Kind
from storage.platform.usage.bills import Bills, EarlierMonthOpen, MonthNotOver
from storage.platform.usage.month import Month
from storage.platform.usage.price_list import read_price_lists
from storage.platform.usage.quantities import Unit
from storage.platform.usage.usage_query import NotCountedYet
from storage.platform.usage.verification import verify_month
from tests.integration.storage.platform.conftest import admin, registry
from tests.unit.storage.platform.ledger.records import record

__all__ = ["admin", "registry"]

OCTOBER, NOVEMBER, DECEMBER = (Month.parse(f"2026-{n}") for n in (10, 11, 12))
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def within(month: Month, day: int, hour: int = 12) -> int:
    at = month.since.replace(day=day, hour=hour)
    return int(at.timestamp()) * 1_000_000


class Sender:
    """Sends batches of a zone's segment, one after the other."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._store = LedgerStore(engine)
        self._offsets: dict[str, int] = {}

    async def send(self, *records: Record, zone: str = "zone-3a") -> LedgerBatch:
        frames = b"".join(frame(one) for one in records)
        batch = read_batch(
            zone=zone,
            segment="1.ledger",
            offset=self._offsets.get(zone, 0),
            body=pack_frames(frames),
        )
        self._offsets[zone] = await self._store.append(batch)
        return batch


@pytest.fixture
def sender(admin: AsyncEngine) -> Sender:
    return Sender(admin)


@pytest.fixture
def bills(admin: AsyncEngine) -> Bills:
    return Bills(admin, price_lists=read_price_lists())


async def test_a_month_is_what_its_records_say(
    sender: Sender, bills: Bills, admin: AsyncEngine
) -> None:
    at = within(NOVEMBER, 3)
    hour = within(NOVEMBER, 3, 13)
    stored = StorageSample(at_us=at, tenant="acme", zone="zone-2", store="hot", bytes=2 * 10**9)
    again = StorageSample(at_us=at + 9, tenant="acme", zone="zone-2", store="hot", bytes=1)
    later = StorageSample(at_us=hour, tenant="acme", zone="zone-2", store="hot", bytes=10**9)
    batch = await sender.send(
        record(1, at_us=at, run_us=1_024_000, memory_mb=1_000, bytes_out=10**9),
        record(2, at_us=at, tenant="bolt"),
        record(3, at_us=at, run_us=0, status=429, problem="too-many-requests"),
        record(4, at_us=within(DECEMBER, 1)),
    )
    await LedgerStore(admin).append(batch)
    await sender.send(
        record(5, at_us=at, zone="zone-2", role="zone", caller_zone="zone-3a", bytes_in=3 * 10**9),
        stored,
        again,
        later,
        zone="zone-2",
    )

    bill = await bills.bill(tenant="acme", month=NOVEMBER)

    assert bill.usage.position == 2
    assert {kind: bill.usage.records(kind) for kind in Kind} == {
        Kind.BILLED: 1,
        Kind.LINK: 1,
        Kind.PLATFORM: 0,
        Kind.REFUSED: 1,
    }
    quantities = bill.usage.quantities()
    assert quantities[Unit.GB_SECONDS] == 1
    assert quantities[Unit.GB_OUT] == 1
    assert quantities[Unit.GB_MOVED] == Decimal("3.000000005")
    assert quantities[Unit.HOT_GB_HOURS] == 3
    assert str(bill.invoice.total) == "0.06"
    verdict = await verify_month(admin, tenant="acme", month=NOVEMBER)
    assert (verdict.proven, verdict.records) == (True, 3)


async def test_what_comes_after_the_close_is_a_correction_of_the_next_month(
    sender: Sender, bills: Bills, admin: AsyncEngine
) -> None:
    gb = 10**9
    await sender.send(record(1, at_us=within(OCTOBER, 5), bytes_out=2 * gb))
    october = await bills.close(tenant="acme", month=OCTOBER, now=NEW_YEAR)
    await sender.send(record(2, at_us=within(OCTOBER, 31), bytes_out=3 * gb))
    await sender.send(record(3, at_us=within(NOVEMBER, 1), bytes_out=gb))

    assert await bills.bill(tenant="acme", month=OCTOBER) == october
    assert await bills.close(tenant="acme", month=OCTOBER, now=NEW_YEAR) == october
    november = await bills.close(tenant="acme", month=NOVEMBER, now=NEW_YEAR)

    (correction,) = november.invoice.corrections
    assert (correction.month, str(correction.amount)) == (OCTOBER, "0.15")
    assert correction.quantities[Unit.INVOCATIONS] == 1
    assert str(november.invoice.total) == "0.15"
    december = await bills.bill(tenant="acme", month=DECEMBER)
    assert list(december.invoice.corrections) == []
    for month in (OCTOBER, NOVEMBER):
        assert (await verify_month(admin, tenant="acme", month=month)).proven


async def test_a_month_is_closed_when_it_is_over_and_none_before_it_is_open(
    sender: Sender, bills: Bills
) -> None:
    await sender.send(record(1, at_us=within(OCTOBER, 5)), record(2, at_us=within(NOVEMBER, 5)))

    with pytest.raises(MonthNotOver):
        await bills.close(tenant="acme", month=OCTOBER, now=within_time(OCTOBER, 31))
    with pytest.raises(EarlierMonthOpen):
        await bills.close(tenant="acme", month=NOVEMBER, now=NEW_YEAR)


def within_time(month: Month, day: int) -> datetime:
    return month.since.replace(day=day)


async def test_sums_that_were_changed_are_found_out(
    sender: Sender, bills: Bills, admin: AsyncEngine
) -> None:
    await sender.send(*(record(n, at_us=within(NOVEMBER, 1 + n % 28)) for n in range(100)))
    await bills.close(tenant="acme", month=NOVEMBER, now=NEW_YEAR)
    async with admin.begin() as connection:
        await connection.execute(
            update(tables.usage_days)
            .where(tables.usage_days.c.day == NOVEMBER.first)
            .values(bytes_out=0)
        )

    verdict = await verify_month(admin, tenant="acme", month=NOVEMBER)

    assert not verdict.proven
    assert "the sums by day: zone-3a mdms billed" in verdict.differences[0]
    assert len(verdict.differences) == 1


async def test_a_closed_bill_that_was_changed_is_found_out(
    sender: Sender, bills: Bills, admin: AsyncEngine
) -> None:
    await sender.send(record(1, at_us=within(NOVEMBER, 1)))
    await bills.close(tenant="acme", month=NOVEMBER, now=NEW_YEAR)
    async with admin.begin() as connection:
        body = (await connection.execute(select(tables.invoices.c.document))).scalar_one()
        await connection.execute(
            update(tables.invoices).values(document=body.replace(b'"records":1', b'"records":2'))
        )

    verdict = await verify_month(admin, tenant="acme", month=NOVEMBER)

    assert any("the closed bill" in one for one in verdict.differences)


async def test_sums_are_made_again_from_the_ledger_while_it_grows(
    sender: Sender, bills: Bills, admin: AsyncEngine
) -> None:
    def sample(size: int) -> StorageSample:
        return StorageSample(
            at_us=within(NOVEMBER, 2), tenant="acme", zone="zone-3a", store="hot", bytes=size
        )

    for number in range(60):
        await sender.send(record(number, at_us=within(NOVEMBER, 2)), sample(number + 5))
    before = await bills.bill(tenant="acme", month=NOVEMBER)

    await rollup.forget(admin)
    await sender.send(record(60, at_us=within(NOVEMBER, 2)), sample(1))
    with pytest.raises(NotCountedYet):
        await verify_month(admin, tenant="acme", month=NOVEMBER)
    while await rollup.catch_up(admin):
        pass

    after = await bills.bill(tenant="acme", month=NOVEMBER)
    assert after.usage.records() == before.usage.records() + 1 == 61
    assert after.usage.stored == before.usage.stored
    assert (await verify_month(admin, tenant="acme", month=NOVEMBER)).proven
