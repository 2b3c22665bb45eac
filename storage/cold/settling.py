"""Exceptions that settle themselves: their intervals have got the value that they were about."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold.audit_log import PLATFORM, write_audit
from storage.cold.block_rows import Key
from storage.cold.exception_queue import OpenException, close, lock_exceptions
from storage.cold.exceptions import CLOCKS_APART_US, OF_MISSING_VALUES
from storage.cold.pool import Connection
from storage.cold.slot_versions import read_records
from storage.model.block import HAS_RAW, BlockKey, RecordBlock, Versions
from storage.model.quality import CLASS_OF_QUALITY, QualityClass

_SETTLED: Final = "actual-value"
_REPLACED: Final = "value-replaced"
_DUE: Final = """
    SELECT id FROM exceptions WHERE state <> 'closed' AND check_due AND interval_s > 0
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_ANY: Final = "SELECT EXISTS (SELECT FROM exceptions WHERE state <> 'closed' AND NOT check_due)"
_CHECKED: Final = "UPDATE exceptions SET check_due = false WHERE id = ANY($1::bigint[])"
# By number, as all who lock several: so no two wait for one another.
_MARK: Final = """
    UPDATE exceptions SET check_due = true WHERE id IN (
        SELECT id FROM exceptions
            JOIN unnest($1::text[], $2::text[], $3::int[], $4::int[],
                    $5::int[], $6::int[], $7::bigint[])
                AS k (meter_id, register, day, interval_s, first, last, newest)
            USING (meter_id, register, day, interval_s)
        WHERE state <> 'closed' AND NOT check_due
            AND first_slot <= last AND first_slot + slots > first
            AND (rule = ANY($8::text[]) OR newest > found_at + $9::bigint)
        ORDER BY id FOR UPDATE OF exceptions
    )
"""


async def mark_due(connection: Connection, keys: Sequence[Key], written: Versions) -> None:
    """Note that exceptions that `written` may settle have to be looked at again.

    These are in blocks of `keys`, all with as many slots, which count through them.
    """
    if not await connection.fetchval(_ANY):
        return
    first, last, newest = _extent(keys, written)
    await connection.execute(
        _MARK,
        [key.meter_id for key in keys],
        [key.register for key in keys],
        [key.day for key in keys],
        [key.interval_s for key in keys],
        first.tolist(),
        last.tolist(),
        newest.tolist(),
        list(OF_MISSING_VALUES),
        CLOCKS_APART_US,
    )


def _extent(keys: Sequence[Key], written: Versions) -> tuple[NDArray[np.int64], ...]:
    """By block the first and the last slot that was written, and the newest stamp."""
    slots = keys[0].slots
    block, slot = written.slot // slots, written.slot % slots
    first = np.full(len(keys), slots, dtype=np.int64)
    last, newest = np.full(len(keys), -1, dtype=np.int64), np.zeros(len(keys), dtype=np.int64)
    np.minimum.at(first, block, slot)
    np.maximum.at(last, block, slot)
    np.maximum.at(newest, block, written.sequence)
    return first, last, newest


async def settle(connection: Connection, *, limit: int) -> int:
    """Look at up to `limit` exceptions that are due, close those that settled; return how many due.

    An exception of a missing value is settled when each of its intervals has an actual or an
    edited one, any other when each has one that came after the finding. One that waits for an
    approval is left alone: its edit was made over a value that is looked at then.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    ids = [row["id"] for row in await connection.fetch(_DUE, limit)]
    if not ids:
        return 0
    found = [one for one in (await lock_exceptions(connection, ids)).values()]
    waiting = [one for one in found if one.state == "open"]
    records = await read_records(connection, list({one.key for one in waiting}))
    settled = [one for one in waiting if _settled(one, records)]
    for reason in (_SETTLED, _REPLACED):
        of_reason = [one for one in settled if _reason(one) == reason]
        await close(
            connection,
            [one.id for one in of_reason],
            decision="settled",
            reason=reason,
            by=PLATFORM.subject,
        )
        await write_audit(
            connection,
            [one.audit(PLATFORM, "exception-settled", reason=reason) for one in of_reason],
        )
    await connection.execute(_CHECKED, ids)
    return len(ids)


def _reason(one: OpenException) -> str:
    return _SETTLED if one.rule in OF_MISSING_VALUES else _REPLACED


def _settled(one: OpenException, records: dict[BlockKey, RecordBlock]) -> bool:
    record = records.get(one.key)
    if record is None:
        return False
    own = slice(one.first_slot, one.first_slot + one.count)
    cells = record.slots[own]
    has_raw = (cells["flags"] & HAS_RAW) != 0
    edited = record.present[own] & (CLASS_OF_QUALITY[cells["quality"]] == QualityClass.EDITED)
    if one.rule not in OF_MISSING_VALUES:
        since = one.found_at + CLOCKS_APART_US
        has_raw &= record.raw_sequence[own] > since
        edited &= record.sequence[own] > since
    return bool(np.all(has_raw | edited))
