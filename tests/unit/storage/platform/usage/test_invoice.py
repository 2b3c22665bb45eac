"""Quantities priced: free units, rounding by line, corrections of months closed before."""

from decimal import Decimal

import pytest

from storage.platform.usage.invoice import ClosedMonth, correct, make_invoice, price_usage, sum_of
from storage.platform.usage.month import Month
from storage.platform.usage.price_list import PriceList, read_price_list
from storage.platform.usage.quantities import Unit, quantities_of
from storage.platform.usage.tally import Counts

OCTOBER, NOVEMBER = Month.parse("2026-10"), Month.parse("2026-11")
FREE_OF_CHARGE = "".join(
    f"  {unit}: {{price: '0'}}\n" for unit in Unit if unit is not Unit.INVOCATIONS
)


def price_list(**invocations: str) -> PriceList:
    price = ", ".join(f"{name}: '{value}'" for name, value in invocations.items())
    text = (
        "version: t\nvalid_from: 2026-01-01T00:00:00Z\ncurrency: IQD\ndecimals: 2\nprices:\n"
        f"  invocations: {{{price}}}\n{FREE_OF_CHARGE}"
    )
    return read_price_list(text, name="t.yaml")


def used(invocations: int) -> dict[Unit, Decimal]:
    return quantities_of(calls=[("billed", Counts(records=invocations))], stored={})


@pytest.mark.parametrize(
    ("invocations", "price", "amount"),
    [
        pytest.param(1, {"price": "0.005"}, "0.01", id="half_a_cent_is_rounded_up"),
        pytest.param(1, {"price": "0.0049"}, "0.00", id="less_is_rounded_down"),
        pytest.param(3, {"price": "1", "per": "7"}, "0.43", id="a_fraction_of_a_pack"),
        pytest.param(100, {"price": "1", "free": "100"}, "0.00", id="all_of_it_free"),
        pytest.param(101, {"price": "1", "free": "100"}, "1.00", id="one_beyond_the_free"),
        pytest.param(10**15, {"price": "0.01"}, "10000000000000.00", id="no_float_near_it"),
    ],
)
def test_amounts(invocations: int, price: dict[str, str], amount: str) -> None:
    line = price_usage(quantities=used(invocations), prices=price_list(**price))[0]

    assert str(line.amount) == amount
    assert line.free + line.billable == line.quantity == invocations


def test_quantities_are_exact() -> None:
    billed = Counts(records=3, megabyte_ms=256 * 1_500 + 1, cpu_us=1, bytes_in=1, bytes_out=5)
    moved = Counts(records=9, megabyte_ms=77, bytes_in=10**9, bytes_out=1)

    found = quantities_of(
        calls=[("billed", billed), ("link", moved), ("platform", moved), ("refused", moved)],
        stored={"hot": 2_500_000_000, "cold": 1},
    )

    assert found == {
        Unit.INVOCATIONS: 3,
        Unit.GB_SECONDS: Decimal(384_001) / 1_024_000,
        Unit.CPU_SECONDS: Decimal("0.000001"),
        Unit.HOT_GB_HOURS: Decimal("2.5"),
        Unit.COLD_GB_HOURS: Decimal("0.000000001"),
        Unit.GB_IN: Decimal("0.000000001"),
        Unit.GB_OUT: Decimal("0.000000005"),
        Unit.GB_MOVED: Decimal("1.000000001"),
    }


def closed(invocations: int, prices: PriceList) -> ClosedMonth:
    lines = price_usage(quantities=used(invocations), prices=prices)
    return ClosedMonth(
        month=OCTOBER,
        prices=prices,
        billed=used(invocations),
        amount=sum_of(lines, prices=prices),
    )


def test_a_month_that_stayed_as_it_was_billed_needs_no_correction() -> None:
    assert correct(closed=closed(5, price_list(price="1")), now=used(5)) is None


def test_a_correction_knows_of_free_units_that_were_left() -> None:
    prices = price_list(price="2", free="10")

    correction = correct(closed=closed(7, prices), now=used(12))

    assert correction is not None
    assert (correction.amount, correction.quantities) == (4, {Unit.INVOCATIONS: 5})


def test_late_usage_is_shown_even_where_it_costs_nothing() -> None:
    correction = correct(closed=closed(5, price_list(price="0")), now=used(6))

    assert correction is not None
    assert str(correction.amount) == "0.00"


def test_a_total_is_the_sum_of_its_rounded_lines_and_corrections() -> None:
    old, new = price_list(price="1"), price_list(price="0.004")

    invoice = make_invoice(
        tenant="acme",
        month=NOVEMBER,
        quantities=used(1),
        prices=new,
        closed={OCTOBER: (closed(1, old), used(3))},
    )

    assert [str(one.amount) for one in invoice.corrections] == ["2.00"]
    assert str(invoice.total) == "2.00"
