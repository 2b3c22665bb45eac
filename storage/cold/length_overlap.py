"""Whether intervals that are stored would overlap those of a meter's new length."""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from storage.cold.pool import Connection
from storage.cold.reading import read_blocks
from storage.model.block import PRESENT, BlockKey
from storage.model.interval_lengths import LengthPeriod, LengthRefused, superseded
from storage.model.meter import Meter
from storage.model.runs import DAY_S

_BLOCK_DAYS: Final = """
    SELECT DISTINCT day FROM blocks
    WHERE meter_id = $1 AND interval_s = $2 AND day BETWEEN $3 AND $4
"""
_TAIL_DAYS: Final = """
    SELECT DISTINCT generate_series(greatest(first_day, $1), least(last_day, $2)) AS day
    FROM tail WHERE last_day >= $1 AND first_day <= $2
"""
_LAST_DAY: Final = 1 << 24


async def check_overlap(connection: Connection, *, held: Meter, meter: Meter) -> None:
    """Compare what is stored of `held`, in the caller's snapshot, with the lengths of `meter`.

    Raises:
        LengthRefused: there are intervals of a length that would not hold any more.
    """
    for period in superseded(held, meter):
        last_s = await _last_end_s(connection, held, period)
        if last_s is not None:
            raise LengthRefused(
                f"intervals of {period.interval_s} s are stored until {_text(last_s)}: another "
                "length cannot hold before (`interval_since`)"
            )


async def _last_end_s(connection: Connection, meter: Meter, period: LengthPeriod) -> int | None:
    """When the last stored interval of the period's length ends, if it does so after its begin."""
    # An interval that began before the period may reach into it.
    first_day = max(0, period.begin_s - period.interval_s) // DAY_S
    last_day = _LAST_DAY if period.end_s is None else (period.end_s - 1) // DAY_S
    rows = await connection.fetch(
        _BLOCK_DAYS, meter.meter_id, period.interval_s, first_day, last_day
    )
    rows += await connection.fetch(_TAIL_DAYS, first_day, last_day)
    days = sorted({int(row["day"]) for row in rows})
    keys = [
        BlockKey(meter.meter_id, register, day, period.interval_s)
        for register in meter.registers
        for day in days
    ]
    ends = []
    for key, slots in (await read_blocks(connection, keys)).items():
        taken = np.flatnonzero(slots["flags"] & PRESENT)
        end_s = key.day * DAY_S + (taken + 1) * period.interval_s
        inside = end_s > period.begin_s
        if period.end_s is not None:
            inside &= end_s - period.interval_s < period.end_s
        ends += end_s[inside].tolist()
    return max(ends, default=None)


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
