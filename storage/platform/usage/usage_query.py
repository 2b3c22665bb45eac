"""Reads a tenant's month from the sums, or from the ledger itself, record by record."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.platform import tables
from storage.platform.ledger.batch import unpack_frames
from storage.platform.ledger.record import Record
from storage.platform.ledger.segment import read_records
from storage.platform.usage import rollup
from storage.platform.usage.month import Month
from storage.platform.usage.month_usage import Calls, MonthUsage, StoredBytes, month_usage
from storage.platform.usage.quantities import Unit, quantities_of
from storage.platform.usage.tally import Counts, Tally

Counted = Callable[[int], None]


class NotCountedYet(Exception):
    """Some of the ledger is not in the sums yet; `left` batches are to be counted first."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} batches of the ledger are being counted")
        self.left = left


async def from_sums(connection: AsyncConnection, *, tenant: str, month: Month) -> MonthUsage:
    """Return what the sums say; the caller's transaction has one view of all (REPEATABLE READ).

    Raises:
        NotCountedYet: they lack a part of the ledger.
    """
    left = await rollup.uncounted(connection)
    if left:
        raise NotCountedYet(left)
    days, samples = tables.usage_days.c, tables.storage_samples.c
    by = (days.zone, days.function, days.kind, days.origin)
    calls = await connection.execute(
        select(*by, *(func.sum(days[name]).label(name) for name in rollup.SUMS))
        .where(days.tenant == tenant, days.day >= month.first, days.day < month.after)
        .group_by(*by)
        .order_by(*by)
    )
    stored = await connection.execute(
        select(
            samples.zone,
            samples.store,
            func.count().label("samples"),
            func.sum(samples.bytes).label("byte_hours"),
        )
        .where(samples.tenant == tenant, samples.at >= month.since, samples.at < month.until)
        .group_by(samples.zone, samples.store)
        .order_by(samples.zone, samples.store)
    )
    return MonthUsage(
        tenant=tenant,
        month=month,
        position=await rollup.head(connection),
        calls=[
            Calls(
                zone=row.zone,
                function=row.function,
                kind=row.kind,
                origin=row.origin,
                sums=Counts(**{name: int(getattr(row, name)) for name in rollup.SUMS}),
            )
            for row in calls
        ],
        stored=[
            StoredBytes(
                zone=row.zone,
                store=row.store,
                samples=row.samples,
                byte_hours=int(row.byte_hours),
            )
            for row in stored
        ],
    )


async def from_ledger(
    connection: AsyncConnection,
    *,
    tenant: str,
    month: Month,
    position: int,
    counted: Counted = lambda _: None,
) -> MonthUsage:
    """Add the records of a tenant's month up again, as the ledger was at `position`.

    One batch is in memory at a time, and sums by day. `counted` is told after each batch how many
    records of any tenant were read so far.
    """
    tally, read = Tally(), 0
    since_us, until_us = (int(at.timestamp()) * 1_000_000 for at in (month.since, month.until))
    async for records in _batches(connection, month=month, position=position):
        tally.count(
            one for one in records if one.tenant == tenant and since_us <= one.at_us < until_us
        )
        read += len(records)
        counted(read)
    return month_usage(tenant=tenant, month=month, position=position, tally=tally)


async def quantities_by_month(
    connection: AsyncConnection, *, tenant: str
) -> dict[Month, dict[Unit, Decimal]]:
    """Return what the sums say of every month in which the tenant used anything."""
    days, samples = tables.usage_days.c, tables.storage_samples.c
    month = func.date_trunc("month", days.day).label("month")
    calls: dict[Month, list[tuple[str, Counts]]] = {}
    for row in await connection.execute(
        select(month, days.kind, *(func.sum(days[name]).label(name) for name in rollup.SUMS))
        .where(days.tenant == tenant)
        .group_by(month, days.kind)
    ):
        sums = Counts(**{name: int(getattr(row, name)) for name in rollup.SUMS})
        calls.setdefault(Month(row.month.date()), []).append((row.kind, sums))
    at = func.date_trunc("month", samples.at, "UTC").label("month")
    stored: dict[Month, dict[str, int]] = {}
    for row in await connection.execute(
        select(at, samples.store, func.sum(samples.bytes).label("byte_hours"))
        .where(samples.tenant == tenant)
        .group_by(at, samples.store)
    ):
        first = row.month.astimezone(UTC).date()
        stored.setdefault(Month(first), {})[row.store] = int(row.byte_hours)
    return {
        one: quantities_of(calls=calls.get(one, ()), stored=stored.get(one, {}))
        for one in calls.keys() | stored.keys()
    }


async def _batches(
    connection: AsyncConnection, *, month: Month, position: int
) -> AsyncIterator[list[Record]]:
    batches = tables.ledger.c
    wanted = (
        select(batches.body)
        .where(
            batches.first_at < month.until,
            batches.last_at >= month.since,
            batches.position <= position,
        )
        .order_by(batches.position)
    )
    async for row in await connection.stream(wanted, execution_options={"yield_per": 8}):
        yield list(read_records(unpack_frames(row.body)))
