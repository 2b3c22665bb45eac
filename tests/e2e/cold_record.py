"""What PostgreSQL holds of a tenant's readings: blocks, revisions and tail, row by row.

It shares the formats with the store, but neither its merge, nor its grouping, nor its queries.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import asyncpg
import numpy as np

from storage.cold.codec import BlockCodec
from storage.cold.event_codec import EventCodec
from storage.model.block import HAS_RAW, RecordBlock
from tests.e2e.lab import Lab
from tests.e2e.stores import cold_store, schema
from tests.e2e.versions import DAY_S, REGISTER, Slot, Version

Stamp = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Current:
    """What a slot shows."""

    version: Version
    raw: int | None
    revision: int


@dataclass(slots=True)
class Record:
    """Per slot: every stored version with its stamp, copies included, and what it shows now."""

    versions: defaultdict[Slot, list[tuple[Stamp, Version]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    current: dict[Slot, Current] = field(default_factory=dict)
    shown: Counter[Slot] = field(default_factory=Counter)
    quarantined: int = 0
    in_tail: int = 0

    def without(self, tenant: str, meters: frozenset[str]) -> "Record":
        """The same without some of a tenant's meters."""
        kept = Record(quarantined=self.quarantined, in_tail=self.in_tail)
        for slot, versions in self.versions.items():
            if slot.tenant != tenant or slot.meter not in meters:
                kept.versions[slot] = versions
                kept.shown[slot] = self.shown[slot]
                if slot in self.current:
                    kept.current[slot] = self.current[slot]
        return kept


async def read_record(lab: Lab) -> Record:
    """Read every tenant's record, as the administrator, in one snapshot."""
    record = Record()
    async with (
        cold_store(lab) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for tenant in lab.tenants:
            await _read_tenant(connection, tenant, record)
    return record


async def _read_tenant(
    connection: "asyncpg.Connection[asyncpg.Record]", tenant: str, record: Record
) -> None:
    name = schema(tenant)
    for row in await connection.fetch(f'SELECT * FROM "{name}".blocks'):
        block = BlockCodec(DAY_S // row["interval_s"]).decode([row["body"]])
        places = np.flatnonzero(block.present).tolist()
        for at in places:
            _show(record, _slot(tenant, row, at * row["interval_s"]), block, at)
        assert len(places) == row["present"]
    for row in await connection.fetch(f'SELECT * FROM "{name}".event_blocks'):
        events = EventCodec().decode([row["body"]])
        for at, second in enumerate(events.place.tolist()):
            _show(record, _slot(tenant, row, second), events.record, at)
        assert len(events) == row["present"]
    for table, unit in (("revisions", None), ("event_revisions", 1)):
        for row in await connection.fetch(f'SELECT * FROM "{name}".{table}'):
            slot = _slot(tenant, row, row["slot"] * (unit or row["interval_s"]))
            stamp = (row["sequence"], row["edge"])
            record.versions[slot].append((stamp, Version(row["value"], row["quality"])))
    record.in_tail += await connection.fetchval(f'SELECT count(*) FROM "{name}".tail')
    record.quarantined += await connection.fetchval(f'SELECT count(*) FROM "{name}".quarantine')


def _slot(tenant: str, row: asyncpg.Record, second: int) -> Slot:
    assert row["register"] == REGISTER
    return Slot(tenant, row["meter_id"], row["day"] * DAY_S + second, row["interval_s"])


def _show(record: Record, slot: Slot, block: RecordBlock, at: int) -> None:
    cell = block.slots[at]
    version = Version(int(cell["final"]), int(cell["quality"]))
    stamp = (int(block.sequence[at]), block.edges[block.edge[at]])
    record.versions[slot].append((stamp, version))
    record.shown[slot] += 1
    record.current[slot] = Current(
        version,
        int(cell["raw"]) if cell["flags"] & HAS_RAW else None,
        int(cell["revision"]),
    )
