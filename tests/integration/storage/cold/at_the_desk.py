"""Meter A, what its edge says, and what is written about it at the desk."""

import time
from collections.abc import Sequence
from typing import Any

from storage.cold.audit_log import Actor
from storage.cold.desk import PostgresDesk
from storage.cold.desk_entries import batch_of
from storage.cold.edits import NewEdit
from storage.cold.exception_queue import ExceptionFilter, OpenException
from storage.cold.record import PostgresRecordStore
from storage.model.block import PRESENT, BlockKey
from storage.model.uplink import UplinkEntry
from tests.integration.storage.cold.test_exceptions import DAY

REGISTER = "1-0:1.8.0"
KEY = BlockKey("A", REGISTER, DAY, 900)
ANN, BEN = Actor("key-ann", "tenant-admin"), Actor("key-ben", "operator")
NOW_US = time.time_ns() // 1000


async def metered(
    record: PostgresRecordStore,
    values: Sequence[int],
    *,
    sequence: int,
    first_slot: int = 0,
    quality: int = 0,
    edge: str = "zone-3a#1",
) -> None:
    """Values of meter A as an edge acknowledged them, at `sequence`."""
    batch = batch_of(
        meter_id="A",
        register=REGISTER,
        interval_s=900,
        start_s=DAY * 86_400 + first_slot * 900,
        values=values,
        quality=[quality] * len(values),
    )
    await record.append([UplinkEntry(edge, sequence, b"", batch.encode())], caller="zone-2")


def edit(values: Sequence[int], seen: Sequence[int | None], **changes: Any) -> NewEdit:
    form: dict[str, Any] = {
        "kind": "edit",
        "meter_id": "A",
        "register": REGISTER,
        "interval_s": 900,
        "start_s": DAY * 86_400,
        "values": tuple(values),
        "quality": (7,) * len(values),
        "seen": tuple(seen),
        "method": "manual",
    }
    return NewEdit(**(form | changes))


def estimate(values: Sequence[int], **changes: Any) -> NewEdit:
    count = len(values)
    changes = {"kind": "estimate", "quality": (8,) * count, "method": "proxy-day"} | changes
    return edit(values, [None] * count, **changes)


async def write(
    desk: PostgresDesk, *edits: NewEdit, actor: Actor = ANN, needs_approval: bool = False
) -> list[tuple[str, int | None]]:
    found = await desk.write(
        edits, reason="as told by the customer", actor=actor, needs_approval=needs_approval
    )
    return [(one.outcome, one.edit_id) for one in found]


async def final(record: PostgresRecordStore, count: int) -> list[tuple[int, int] | None]:
    """(value, quality) of the first intervals."""
    block = (await record.read([KEY])).get(KEY)
    if block is None:
        return [None] * count
    return [
        (int(cell["final"]), int(cell["quality"])) if cell["flags"] & PRESENT else None
        for cell in block[:count]
    ]


async def queue(desk: PostgresDesk, **asked: Any) -> list[OpenException]:
    return await desk.exceptions(ExceptionFilter(**asked), after=0, limit=100)


async def fold(record: PostgresRecordStore) -> None:
    while (await record.fold(max_entries=1_000)).moved:
        pass
