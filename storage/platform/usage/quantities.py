"""What is priced: a month's sums as quantities in the price list's units, exact."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final

from storage.platform.usage.billing_rules import Kind
from storage.platform.usage.tally import Counts

# More digits than any sum has, so that no quantity is ever rounded.
EXACT: Final = Context(prec=60)
_GB: Final = Decimal(10**9)
_GIB_SECONDS: Final = Decimal(1024 * 1000)
_US: Final = Decimal(10**6)


class Unit(StrEnum):
    """What a price list has prices for.

    A GB of bytes is 10^9 of them. A GB-second is 1024 MiB of a function's memory limit for a
    second. A GB-hour is a GB found stored in an hour's sample.
    """

    INVOCATIONS = "invocations"
    GB_SECONDS = "gb_seconds"
    CPU_SECONDS = "cpu_seconds"
    HOT_GB_HOURS = "hot_gb_hours"
    COLD_GB_HOURS = "cold_gb_hours"
    GB_IN = "gb_in"
    GB_OUT = "gb_out"
    GB_MOVED = "gb_moved"


Quantities = Mapping[Unit, Decimal]


def quantities_of(
    *, calls: Iterable[tuple[str, Counts]], stored: Mapping[str, int]
) -> dict[Unit, Decimal]:
    """Turn sums of one tenant into quantities; `calls` are (kind, sums) of its lines.

    `stored` has byte-hours by store. Only calls of kind `billed` are invocations, and only the
    bytes of kind `link` moved between zones.
    """
    billed, moved = Counts(), Counts()
    for kind, sums in calls:
        if kind == Kind.BILLED:
            billed.add(sums)
        elif kind == Kind.LINK:
            moved.add(sums)
    return {
        Unit.INVOCATIONS: Decimal(billed.records),
        Unit.GB_SECONDS: EXACT.divide(Decimal(billed.megabyte_ms), _GIB_SECONDS),
        Unit.CPU_SECONDS: EXACT.divide(Decimal(billed.cpu_us), _US),
        Unit.HOT_GB_HOURS: EXACT.divide(Decimal(stored.get("hot", 0)), _GB),
        Unit.COLD_GB_HOURS: EXACT.divide(Decimal(stored.get("cold", 0)), _GB),
        Unit.GB_IN: EXACT.divide(Decimal(billed.bytes_in), _GB),
        Unit.GB_OUT: EXACT.divide(Decimal(billed.bytes_out), _GB),
        Unit.GB_MOVED: EXACT.divide(Decimal(moved.bytes_in + moved.bytes_out), _GB),
    }
