"""What a month would cost by another price list."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from storage.platform.usage.invoice import price_usage, sum_of
from storage.platform.usage.price_list import PriceListInvalid, read_price_list
from storage.platform.usage.quantities import Unit


def priced_by(path: Path, invoice: dict[str, Any]) -> dict[str, Any]:
    """Return an invoice of `/v1/usage` with the prices in `path`; corrections are left out.

    Raises:
        click.UsageError: the file holds no price list.
    """
    try:
        prices = read_price_list(path.read_text(), name=path.name)
    except (OSError, UnicodeDecodeError, PriceListInvalid) as error:
        raise click.UsageError(str(error)) from error
    quantities = {Unit(line["unit"]): Decimal(line["quantity"]) for line in invoice["lines"]}
    lines = price_usage(quantities=quantities, prices=prices)
    return {
        "price_list": f"{prices.version} in {path}",
        "currency": prices.currency,
        "lines": [
            {
                "unit": str(line.unit),
                "quantity": f"{line.quantity:f}",
                "free": f"{line.free:f}",
                "price": f"{line.price:f}",
                "per": f"{line.per:f}",
                "amount": f"{line.amount:f}",
            }
            for line in lines
        ],
        "corrections": [],
        "total": f"{sum_of(lines, prices=prices):f}",
    }
