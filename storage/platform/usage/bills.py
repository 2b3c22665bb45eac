"""Bills at headquarters: what an open month costs so far, and closed months as they were billed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.cold.engine import create_engine
from storage.platform import tables
from storage.platform.usage import rollup
from storage.platform.usage.invoice import ClosedMonth, Invoice, make_invoice, sum_of
from storage.platform.usage.month import Month
from storage.platform.usage.month_usage import MonthUsage
from storage.platform.usage.price_list import PriceList, price_list_for
from storage.platform.usage.quantities import EXACT, Quantities, Unit
from storage.platform.usage.usage_query import NotCountedYet, from_sums, quantities_by_month

COUNTING_S = 5.0
"""For what of the ledger is not in the sums yet, before an answer has to be given."""


class MonthNotOver(Exception):
    """The month cannot be closed while calls of it may still begin."""


class EarlierMonthOpen(Exception):
    """A month before has usage and is not closed: it would never be billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month's usage and invoice; `closed_at` is None while the month is open."""

    usage: MonthUsage
    invoice: Invoice
    closed_at: datetime | None = None


class Bills:
    """Usage and invoices over the platform's engine; `price_lists` as `read_price_lists` has."""

    def __init__(self, engine: AsyncEngine, *, price_lists: Sequence[PriceList]) -> None:
        self._engine = engine
        self._price_lists = price_lists

    async def bill(self, *, tenant: str, month: Month) -> Bill:
        """Return a month's bill: as it was closed, or as it would be now.

        Raises:
            storage.platform.usage.usage_query.NotCountedYet: come back when it is.
            storage.platform.usage.price_list.NoPriceList: none is valid for the month.
        """

        async def look() -> Bill:
            async with self._engine.connect() as plain:
                connection = await plain.execution_options(isolation_level="REPEATABLE READ")
                closed = await closed_bills(connection, tenant=tenant)
                if month in (found := {one.invoice.month: one for one in closed}):
                    return found[month]
                return await self._draft(connection, tenant, month, closed)

        return await self._when_counted(look)

    async def close(self, *, tenant: str, month: Month, now: datetime) -> Bill:
        """Bill a month for good; a month that is closed already is returned as it was.

        What comes later is a correction in the next invoice. Committed when this returns.

        Raises:
            MonthNotOver, EarlierMonthOpen: and as `bill`.
        """
        if now < month.until:
            raise MonthNotOver(f"{month} ends at {month.until.isoformat()}")

        async def settle() -> Bill:
            async with self._engine.begin() as connection:
                # Nothing is appended meanwhile, so what is billed is what stands at the position.
                await rollup.lock_head(connection)
                closed = await closed_bills(connection, tenant=tenant)
                for one in closed:
                    if one.invoice.month == month:
                        return one
                if open_before := await _open_before(connection, tenant, month, closed):
                    raise EarlierMonthOpen(f"{open_before} has usage and is not closed")
                bill = replace(await self._draft(connection, tenant, month, closed), closed_at=now)
                await connection.execute(
                    insert(tables.invoices).values(
                        tenant=tenant,
                        month=month.first,
                        position=bill.usage.position,
                        closed_at=now,
                        document=msgspec.json.encode(bill),
                    )
                )
                return bill

        return await self._when_counted(settle)

    async def recount(self) -> None:
        """Drop all sums; who asks for a month next has them made again from the ledger."""
        await rollup.forget(self._engine)

    async def _when_counted(self, ask: Callable[[], Awaitable[Bill]]) -> Bill:
        try:
            return await ask()
        except NotCountedYet:
            with suppress(TimeoutError):
                async with asyncio.timeout(COUNTING_S):
                    while await rollup.catch_up(self._engine):
                        pass
            return await ask()

    async def _draft(
        self, connection: AsyncConnection, tenant: str, month: Month, closed: Sequence[Bill]
    ) -> Bill:
        usage = await from_sums(connection, tenant=tenant, month=month)
        now = await quantities_by_month(connection, tenant=tenant)
        # Corrections are owed once: by the first month that is still open.
        due = closed if await _open_before(connection, tenant, month, closed) is None else ()
        before = [one.invoice.month for one in due if one.invoice.month < month]
        nothing: Quantities = dict.fromkeys(Unit, Decimal(0))
        invoice = make_invoice(
            tenant=tenant,
            month=month,
            quantities=usage.quantities(),
            prices=price_list_for(month, lists=self._price_lists),
            closed={one: (billed_so_far(one, closed), now.get(one, nothing)) for one in before},
        )
        return Bill(usage=usage, invoice=invoice)


async def closed_bills(connection: AsyncConnection, *, tenant: str) -> list[Bill]:
    """Return a tenant's closed bills in the order in which they were closed."""
    invoices = tables.invoices.c
    found = await connection.execute(
        select(invoices.document)
        .where(invoices.tenant == tenant)
        .order_by(invoices.closed_at, invoices.month)
    )
    return [msgspec.json.decode(document, type=Bill) for document in found.scalars()]


def billed_so_far(month: Month, bills: Sequence[Bill]) -> ClosedMonth:
    """Add up what `bills` billed for a month: its own invoice, and corrections in others."""
    own = next(one.invoice for one in bills if one.invoice.month == month)
    quantities = {line.unit: line.quantity for line in own.lines}
    amount = sum_of(own.lines, prices=own.prices)
    for bill in bills:
        for correction in bill.invoice.corrections:
            if correction.month == month:
                amount += correction.amount
                for unit, difference in correction.quantities.items():
                    quantities[unit] = EXACT.add(quantities[unit], difference)
    return ClosedMonth(month=month, prices=own.prices, billed=quantities, amount=amount)


async def _open_before(
    connection: AsyncConnection, tenant: str, month: Month, closed: Sequence[Bill]
) -> Month | None:
    """Return the first month before that has usage and is not closed."""
    done = {one.invoice.month for one in closed}
    used = await quantities_by_month(connection, tenant=tenant)
    return min((one for one in used if one < month and one not in done), default=None)


@asynccontextmanager
async def open_bills(
    database_url: str, *, price_lists: Sequence[PriceList], application_name: str
) -> AsyncIterator[Bills]:
    """Give bills over two connections of their own, closed at the end.

    Raises:
        storage.cold.engine.UnusableDatabaseUrl: the URL is of another kind.
    """
    engine = create_engine(database_url, pool_size=2, application_name=application_name)
    try:
        yield Bills(engine, price_lists=price_lists)
    finally:
        await engine.dispose()
