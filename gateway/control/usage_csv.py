"""A tenant's month as CSV: one row a figure, the parts of the month told by a column."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.control.usage_models import InvoiceShown, Usage, plain

COLUMNS: Final = (
    *("tenant", "month", "part", "zone", "function", "origin", "unit"),
    *("quantity", "free", "price", "per", "amount", "currency"),
)


def csv_of(usage: Usage) -> str:
    """Write a month (RFC 4180, with a head).

    Part `used` is by function and zone, `moved` by link (origin: the lower zone), `stored` by
    zone; `line`, `correction` (origin: the month) and `total` are the invoice.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, restval="")
    table.writeheader()
    for row in (*_used(usage), *_owed(usage.invoice)):
        table.writerow({"tenant": usage.tenant, "month": usage.month, **row})
    return text.getvalue()


def _used(usage: Usage) -> Iterator[Mapping[str, object]]:
    for one in usage.functions:
        place = {"part": "used", "zone": one.zone, "function": one.function, "origin": one.origin}
        for unit, quantity in (
            ("invocations", str(one.invocations)),
            ("gb_seconds", plain(one.gb_seconds)),
            ("cpu_seconds", plain(one.cpu_seconds)),
            ("bytes_in", str(one.bytes_in)),
            ("bytes_out", str(one.bytes_out)),
        ):
            yield {**place, "unit": unit, "quantity": quantity}
    for link in usage.links:
        place = {"part": "moved", "zone": link.upper, "function": link.function}
        yield {**place, "origin": link.lower, "unit": "bytes", "quantity": link.bytes}
    for stored in usage.stored:
        place = {"part": "stored", "zone": stored.zone, "unit": f"{stored.store}_gb_hours"}
        yield {**place, "quantity": plain(stored.gb_hours)}


def _owed(invoice: InvoiceShown) -> Iterator[Mapping[str, object]]:
    money = {"currency": invoice.currency}
    for line in invoice.lines:
        numbers = line.model_dump(mode="json")
        yield {"part": "line", **numbers, **money}
    for one in invoice.corrections:
        place = {"part": "correction", "origin": one.month}
        for unit, difference in one.differences.items():
            yield {**place, "unit": unit, "quantity": plain(difference)}
        yield {**place, "amount": plain(one.amount), **money}
    yield {"part": "total", "amount": plain(invoice.total), **money}
