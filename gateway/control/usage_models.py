"""A tenant's month as JSON: what it used, by function, link and store, and what that costs."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer

from gateway.control.models import Slug, Strict
from storage.platform.usage.billing_rules import Kind
from storage.platform.usage.bills import Bill
from storage.platform.usage.invoice import Correction as CorrectionOwed
from storage.platform.usage.month_usage import Calls, StoredBytes
from storage.platform.usage.quantities import EXACT


def plain(value: Decimal) -> str:
    """Write a number without an exponent, whatever its size."""
    return f"{value:f}"


# As texts: a JSON number would be read as a float.
Exact = Annotated[Decimal, PlainSerializer(plain, return_type=str)]
MonthText = Annotated[
    str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$", description="In UTC.", examples=["2026-11"])
]


class Records(BaseModel):
    """Records in the ledger, of which only the `billed` ones are invocations that cost."""

    total: int
    billed: int
    link: int
    platform: int
    refused: int


class FunctionUsage(BaseModel):
    """Billed calls of a function in a zone; `origin` is empty for who called and waited."""

    function: str
    zone: str
    origin: str
    invocations: int
    failed: int
    cold: int
    run_seconds: Exact
    gb_seconds: Exact
    cpu_seconds: Exact
    bytes_in: int
    bytes_out: int


class LinkUsage(BaseModel):
    """What moved over the link between two zones."""

    lower: str
    upper: str
    function: str
    requests: int
    bytes: int


class StoreUsage(BaseModel):
    """What was stored, from a sample in each hour."""

    zone: str
    store: str
    samples: int
    gb_hours: Exact


class Line(BaseModel):
    """A priced quantity; `amount` is (quantity - free) / per * price, rounded half up."""

    unit: str
    quantity: Exact
    free: Exact
    price: Exact
    per: Exact
    amount: Exact


class CorrectionLine(BaseModel):
    """What a month that was closed before has become since, by its own price list."""

    month: MonthText
    price_list: str
    differences: dict[str, Exact]
    amount: Exact


class InvoiceShown(BaseModel):
    """Lines, corrections and their sum."""

    price_list: str
    currency: str
    lines: list[Line]
    corrections: list[CorrectionLine]
    total: Exact


class Usage(BaseModel):
    """A month: open, as the ledger has it up to `ledger_position`, or as it was closed."""

    tenant: Slug
    month: MonthText
    since: datetime
    until: datetime
    closed_at: datetime | None
    ledger_position: int
    records: Records
    functions: list[FunctionUsage]
    links: list[LinkUsage]
    stored: list[StoreUsage]
    invoice: InvoiceShown


class CloseMonth(Strict):
    """A month of a tenant that is to be billed for good."""

    tenant: Slug
    month: MonthText


def shown(bill: Bill) -> Usage:
    """Write a bill as JSON has it."""
    usage, invoice = bill.usage, bill.invoice
    return Usage(
        tenant=usage.tenant,
        month=str(usage.month),
        since=usage.month.since,
        until=usage.month.until,
        closed_at=bill.closed_at,
        ledger_position=usage.position,
        records=Records(
            total=usage.records(),
            billed=usage.records(Kind.BILLED),
            link=usage.records(Kind.LINK),
            platform=usage.records(Kind.PLATFORM),
            refused=usage.records(Kind.REFUSED),
        ),
        functions=[_function(one) for one in usage.calls if one.kind == Kind.BILLED],
        links=[_link(one) for one in usage.calls if one.kind == Kind.LINK],
        stored=[_store(one) for one in usage.stored],
        invoice=InvoiceShown(
            price_list=invoice.prices.version,
            currency=invoice.prices.currency,
            lines=[
                Line(
                    unit=line.unit,
                    quantity=line.quantity,
                    free=line.free,
                    price=line.price,
                    per=line.per,
                    amount=line.amount,
                )
                for line in invoice.lines
            ],
            corrections=_corrections(invoice.corrections),
            total=invoice.total,
        ),
    )


def _function(calls: Calls) -> FunctionUsage:
    sums = calls.sums
    return FunctionUsage(
        function=calls.function,
        zone=calls.zone,
        origin=calls.origin,
        invocations=sums.records,
        failed=sums.failed,
        cold=sums.cold,
        run_seconds=_over(sums.run_us, 10**6),
        gb_seconds=_over(sums.megabyte_ms, 1_024_000),
        cpu_seconds=_over(sums.cpu_us, 10**6),
        bytes_in=sums.bytes_in,
        bytes_out=sums.bytes_out,
    )


def _link(calls: Calls) -> LinkUsage:
    return LinkUsage(
        lower=calls.origin,
        upper=calls.zone,
        function=calls.function,
        requests=calls.sums.records,
        bytes=calls.sums.bytes_in + calls.sums.bytes_out,
    )


def _store(stored: StoredBytes) -> StoreUsage:
    return StoreUsage(
        zone=stored.zone,
        store=stored.store,
        samples=stored.samples,
        gb_hours=_over(stored.byte_hours, 10**9),
    )


def _corrections(corrections: Sequence[CorrectionOwed]) -> list[CorrectionLine]:
    return [
        CorrectionLine(
            month=str(one.month),
            price_list=one.price_list,
            differences={str(unit): value for unit, value in one.quantities.items()},
            amount=one.amount,
        )
        for one in corrections
    ]


def _over(whole: int, parts: int) -> Decimal:
    return EXACT.divide(Decimal(whole), Decimal(parts))
