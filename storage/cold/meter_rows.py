"""Rows of the meter registry: the current one of each meter, and those that it replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from storage.cold.pool import Connection
from storage.model.meter import Meter

_decoder = msgspec.json.Decoder(Meter)
_encoder = msgspec.json.Encoder()

_UPSERT = """
    INSERT INTO meters (meter_id, version, valid_from, record)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::jsonb[])
    ON CONFLICT (meter_id) DO UPDATE
    SET version = excluded.version, valid_from = excluded.valid_from, record = excluded.record
"""
_LOG = """
    INSERT INTO meter_history (meter_id, version, valid_from, valid_to, record)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[],
        $5::jsonb[])
"""


class _Written(Meter, frozen=True, kw_only=True, omit_defaults=True):
    """A meter without what every meter is unless it says so: a third of a row's bytes.

    So the defaults of `Meter` can never change.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPeriod:
    """What a meter was in `[valid_from, valid_to)`; without an end, what it is."""

    meter: Meter
    valid_from: datetime
    valid_to: datetime | None = None


def meter_of(row: asyncpg.Record) -> Meter:
    """The meter in columns `version` and `record`."""
    return msgspec.structs.replace(_decoder.decode(row["record"]), version=row["version"])


async def write_current(connection: Connection, periods: Sequence[MeterPeriod]) -> None:
    """Write the current row of each meter, new or not."""
    await connection.execute(
        _UPSERT,
        [period.meter.meter_id for period in periods],
        [period.meter.version for period in periods],
        [period.valid_from for period in periods],
        [_record(period.meter) for period in periods],
    )


async def log_replaced(connection: Connection, periods: Sequence[MeterPeriod]) -> None:
    """Append ended periods to the history; their meters have a current row."""
    await connection.execute(
        _LOG,
        [period.meter.meter_id for period in periods],
        [period.meter.version for period in periods],
        [period.valid_from for period in periods],
        [period.valid_to for period in periods],
        [_record(period.meter) for period in periods],
    )


def _record(meter: Meter) -> str:
    # The version has a column of its own.
    fields = msgspec.structs.asdict(meter) | {"version": 0}
    return _encoder.encode(_Written(**fields)).decode()
