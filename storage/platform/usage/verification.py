"""Proves a tenant's month: sums and closed bills against the ledger itself, record by record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.platform.usage.bills import Bill, billed_so_far, closed_bills
from storage.platform.usage.invoice import price_usage
from storage.platform.usage.month import Month
from storage.platform.usage.month_usage import MonthUsage
from storage.platform.usage.usage_query import Counted, from_ledger, from_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`records` were read of the month and tenant; `differences` are sentences, none if it is
    proven."""

    usage: MonthUsage
    records: int
    differences: Sequence[str]

    @property
    def proven(self) -> bool:
        """Whether sums and bills say what the ledger says."""
        return not self.differences


async def verify_month(
    engine: AsyncEngine, *, tenant: str, month: Month, counted: Counted = lambda _: None
) -> Verdict:
    """Add the month up again from the ledger and compare, all in one view of the database.

    A closed month is also made again as of the position that it was closed at, and its lines are
    priced again; so are the months that its invoice corrects. Needs to read only.

    Raises:
        storage.platform.usage.usage_query.NotCountedYet: the sums lack a part of the ledger.
    """
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        sums = await from_sums(connection, tenant=tenant, month=month)
        ledger = await from_ledger(
            connection, tenant=tenant, month=month, position=sums.position, counted=counted
        )
        differences = list(compare(ledger, sums, what="the sums by day"))
        bills = await closed_bills(connection, tenant=tenant)
        for number, bill in enumerate(bills, 1):
            if bill.invoice.month == month:
                position = bill.usage.position
                again = await from_ledger(
                    connection, tenant=tenant, month=month, position=position, counted=counted
                )
                differences += compare(again, bill.usage, what="the closed bill")
                differences += _pricing(bill)
                for one in bill.invoice.corrections:
                    then = await from_ledger(
                        connection,
                        tenant=tenant,
                        month=one.month,
                        position=position,
                        counted=counted,
                    )
                    differences += _correction(bills[:number], one.month, then)
    return Verdict(usage=sums, records=ledger.records(), differences=differences)


def compare(ledger: MonthUsage, found: MonthUsage, *, what: str) -> list[str]:
    """Say in what `found` differs from the ledger, line by line."""
    if replace(found, position=ledger.position) == ledger:
        return []
    right = {(one.zone, one.function, one.kind, one.origin): one.sums for one in ledger.calls}
    there = {(one.zone, one.function, one.kind, one.origin): one.sums for one in found.calls}
    said = [
        f"{what}: {' '.join(filter(None, key))}: {there.get(key)}, the ledger has {right.get(key)}"
        for key in sorted(right.keys() | there.keys())
        if right.get(key) != there.get(key)
    ]
    if list(found.stored) != list(ledger.stored):
        said.append(f"{what}: stored {found.stored}, the ledger has {ledger.stored}")
    return said


def _pricing(bill: Bill) -> list[str]:
    again = price_usage(quantities=bill.usage.quantities(), prices=bill.invoice.prices)
    if list(bill.invoice.lines) == again:
        return []
    return ["the closed bill: its lines are not what its price list makes of its usage"]


def _correction(bills: Sequence[Bill], month: Month, then: MonthUsage) -> list[str]:
    billed = billed_so_far(month, bills)
    if billed.billed == then.quantities():
        return []
    return [f"the closed bill: {month} is not corrected to what the ledger had of it"]
