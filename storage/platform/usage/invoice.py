"""From quantities to money: an invoice's lines, and the corrections of months closed before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from storage.platform.usage.month import Month
from storage.platform.usage.price_list import PriceList
from storage.platform.usage.quantities import EXACT, Quantities, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """A quantity of a unit, its part that is not free, and the amount for that."""

    unit: Unit
    quantity: Decimal
    free: Decimal
    billable: Decimal
    price: Decimal
    per: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a month that was closed before has become since: the difference to what was billed.

    `quantities` are differences too, those that are not 0; both may be negative.
    """

    month: Month
    quantities: Quantities
    price_list: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMonth:
    """What was billed for a month so far, in its own invoice and by corrections in later ones."""

    month: Month
    prices: PriceList
    billed: Quantities
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What a tenant owes for a month."""

    tenant: str
    month: Month
    prices: PriceList
    lines: Sequence[InvoiceLine]
    corrections: Sequence[Correction]

    @property
    def total(self) -> Decimal:
        """The sum of all lines, as they are rounded."""
        corrected = sum((one.amount for one in self.corrections), start=_zero(self.prices))
        return corrected + sum_of(self.lines, prices=self.prices)


def price_usage(*, quantities: Quantities, prices: PriceList) -> list[InvoiceLine]:
    """Return a line for every unit, in the order of `Unit`.

    Amount: billable quantity / per * price, rounded half up to the currency's decimals, once.
    """
    lines = []
    for unit in Unit:
        price, quantity = prices.prices[unit], quantities[unit]
        free = min(quantity, price.free)
        billable = EXACT.subtract(quantity, free)
        owed = EXACT.divide(EXACT.multiply(billable, price.price), price.per)
        lines.append(
            InvoiceLine(
                unit=unit,
                quantity=quantity,
                free=free,
                billable=billable,
                price=price.price,
                per=price.per,
                amount=owed.quantize(_zero(prices), rounding=ROUND_HALF_UP),
            )
        )
    return lines


def correct(*, closed: ClosedMonth, now: Quantities) -> Correction | None:
    """Return what the month's invoices lack, by the month's own prices; None if nothing.

    The whole month is priced again, so a correction knows of free units that are used up.
    """
    differences = {
        unit: EXACT.subtract(now[unit], closed.billed[unit])
        for unit in Unit
        if now[unit] != closed.billed[unit]
    }
    if not differences:
        return None
    owed = sum_of(price_usage(quantities=now, prices=closed.prices), prices=closed.prices)
    return Correction(
        month=closed.month,
        quantities=differences,
        price_list=closed.prices.version,
        amount=owed - closed.amount,
    )


def make_invoice(
    *,
    tenant: str,
    month: Month,
    quantities: Quantities,
    prices: PriceList,
    closed: Mapping[Month, tuple[ClosedMonth, Quantities]],
) -> Invoice:
    """Return the invoice of a month; `closed` has months before and what they are now."""
    found = [correct(closed=one, now=now) for _, (one, now) in sorted(closed.items())]
    return Invoice(
        tenant=tenant,
        month=month,
        prices=prices,
        lines=price_usage(quantities=quantities, prices=prices),
        corrections=[one for one in found if one is not None],
    )


def sum_of(lines: Sequence[InvoiceLine], *, prices: PriceList) -> Decimal:
    """Add up amounts."""
    return sum((line.amount for line in lines), start=_zero(prices))


def _zero(prices: PriceList) -> Decimal:
    return Decimal(0).scaleb(-prices.decimals)
