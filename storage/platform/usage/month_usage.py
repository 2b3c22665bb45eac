"""What a tenant used in a month, as one look at the ledger's sums found it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from storage.platform.ledger.record import SAMPLE_PERIOD_S
from storage.platform.usage.billing_rules import Kind
from storage.platform.usage.month import Month
from storage.platform.usage.quantities import Unit, quantities_of
from storage.platform.usage.tally import Counts, Tally

HOUR_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Sums over the calls of a function in a zone; kind and origin as in `tally.Line`."""

    zone: str
    function: str
    kind: str
    origin: str
    sums: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Byte-hours of a store, from as many hours' samples."""

    zone: str
    store: str
    samples: int
    byte_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthUsage:
    """Usage by what the ledger holds up to `position`, which names it for good."""

    tenant: str
    month: Month
    position: int
    calls: Sequence[Calls]
    stored: Sequence[StoredBytes]

    def records(self, kind: Kind | None = None) -> int:
        """Count the records of a kind, or all."""
        return sum(one.sums.records for one in self.calls if kind in (None, one.kind))

    def quantities(self) -> dict[Unit, Decimal]:
        """Return what is priced."""
        by_store: dict[str, int] = {}
        for one in self.stored:
            by_store[one.store] = by_store.get(one.store, 0) + one.byte_hours
        return quantities_of(calls=((one.kind, one.sums) for one in self.calls), stored=by_store)


def month_usage(*, tenant: str, month: Month, position: int, tally: Tally) -> MonthUsage:
    """Cut a tenant's month out of a tally."""
    calls: dict[tuple[str, str, str, str], Counts] = {}
    for line, sums in tally.lines.items():
        if line.tenant == tenant and month.first <= line.day < month.after:
            key = line.zone, line.function, str(line.kind), line.origin
            calls.setdefault(key, Counts()).add(sums)
    stored: dict[tuple[str, str], list[int]] = {}
    for sample, size in tally.stored.items():
        if sample.tenant == tenant and month.since <= sample.at < month.until:
            stored.setdefault((sample.zone, sample.store), []).append(size)
    return MonthUsage(
        tenant=tenant,
        month=month,
        position=position,
        calls=[
            Calls(zone=zone, function=function, kind=kind, origin=origin, sums=sums)
            for (zone, function, kind, origin), sums in sorted(calls.items())
        ],
        stored=[
            StoredBytes(
                zone=zone,
                store=store,
                samples=len(sizes),
                byte_hours=sum(sizes) * SAMPLE_PERIOD_S // HOUR_S,
            )
            for (zone, store), sizes in sorted(stored.items())
        ],
    )
