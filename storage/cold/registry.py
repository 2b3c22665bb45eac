"""A tenant's registry of meters at headquarters, with the history of every change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from storage.cold.formula_check import FormulaRefused, check_formulas
from storage.cold.length_overlap import check_overlap
from storage.cold.meter_rows import MeterPeriod, log_replaced, meter_of, write_current
from storage.cold.pool import Pool, transaction
from storage.model.interval_lengths import LengthRefused, settled
from storage.model.meter import Meter

TIMEOUT_S: Final = 15.0
_VERSION = "SELECT version FROM registry_position"
# Held until the end: a version is visible only after every lower one.
_TAKE_TURN = "SELECT version FROM registry_position FOR UPDATE"
_MOVE = "UPDATE registry_position SET version = $1"
_SOME = "SELECT version, valid_from, record FROM meters WHERE meter_id = ANY($1::text[])"
_ONE = "SELECT version, record FROM meters WHERE meter_id = $1"
_PAGE = "SELECT version, record FROM meters WHERE meter_id > $1 ORDER BY meter_id LIMIT $2"
# A condition that is not asked for is left out, not NULL: a plan with an index must not depend on
# what is asked. All meters come by their primary key.
_OF_GROUP = """
    SELECT version, record FROM meters WHERE {} NOT record ? 'formulas' ORDER BY meter_id LIMIT $1
"""
_GROUPED = ("feeder", "transformer")
_AT_SERVICE_POINT = """
    SELECT version, record FROM meters WHERE record->>'service_point' = $1
    ORDER BY meter_id LIMIT $2
"""
_CHANGES = "SELECT version, record FROM meters WHERE version > $1 ORDER BY version LIMIT $2"
_HISTORY = """
    SELECT version, valid_from, valid_to, record FROM meter_history WHERE meter_id = $1
    UNION ALL
    SELECT version, valid_from, NULL, record FROM meters WHERE meter_id = $1
    ORDER BY version
"""


class Registered(StrEnum):
    """What became of a meter that was registered."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    CHANGED = "changed"


class PostgresMeterRegistry:
    """The registry in the schema that the pool's login finds first.

    Every method raises `StoreUnavailable` when there is no answer before the deadline.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(
        self, meters: Sequence[Meter], *, now: datetime
    ) -> list[Registered | LengthRefused | FormulaRefused]:
        """Create or change `meters` in one transaction; return one outcome a meter.

        `now` (aware) starts the new period and ends the old one. The meters' own `version` is
        ignored, `interval_since_s` says from when on a length holds that is another than before
        (see `settled`); one that would overlap what is stored is refused, and so is a virtual
        meter that cannot be computed (`check_formulas`). Identifiers have 1 to 64
        characters, and no text holds NUL.
        """
        async with transaction(self._pool, within_s=TIMEOUT_S) as connection:
            version = int(await connection.fetchval(_TAKE_TURN))
            rows = await connection.fetch(_SOME, [meter.meter_id for meter in meters])
            held = {
                period.meter.meter_id: period
                for period in (
                    MeterPeriod(meter=meter_of(row), valid_from=row["valid_from"]) for row in rows
                )
            }
            current: dict[str, MeterPeriod] = {}
            ahead: dict[str, Meter] = {}
            ended: list[MeterPeriod] = []
            outcomes: list[Registered | LengthRefused | FormulaRefused] = []
            for form in meters:
                old = held.get(form.meter_id)
                try:
                    before = None if old is None else old.meter
                    meter = settled(before, form, now_s=int(now.timestamp()))
                    if before is not None:
                        await check_overlap(connection, held=before, meter=meter)
                    await check_formulas(connection, held=before, meter=meter, ahead=ahead)
                except (LengthRefused, FormulaRefused) as refusal:
                    outcomes.append(refusal)
                    continue
                if old is not None and _same(old.meter, meter):
                    outcomes.append(Registered.UNCHANGED)
                    continue
                version += 1
                # A clock that was set back must not end a period before it began.
                start = now if old is None else max(now, old.valid_from)
                if old is not None:
                    ended.append(replace(old, valid_to=start))
                new = msgspec.structs.replace(meter, version=version)
                period = MeterPeriod(meter=new, valid_from=start)
                ahead[meter.meter_id] = new
                held[meter.meter_id] = current[meter.meter_id] = period
                outcomes.append(Registered.CREATED if old is None else Registered.CHANGED)
            if current:
                await write_current(connection, list(current.values()))
                await log_replaced(connection, ended)
                await connection.execute(_MOVE, version)
        return outcomes

    async def get(self, meter_id: str) -> Meter | None:
        """Return the meter as it is now."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            row = await connection.fetchrow(_ONE, meter_id)
        return None if row is None else meter_of(row)

    async def some(self, meter_ids: Sequence[str]) -> list[Meter]:
        """Return those of the meters that there are, in no order."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            return [meter_of(row) for row in await connection.fetch(_SOME, list(meter_ids))]

    async def history(self, meter_id: str) -> list[MeterPeriod]:
        """Return the meter's periods, oldest first; empty when it was never registered."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(_HISTORY, meter_id)
        return [
            MeterPeriod(meter=meter_of(row), valid_from=row["valid_from"], valid_to=row["valid_to"])
            for row in rows
        ]

    async def page(self, *, limit: int, after: str = "") -> list[Meter]:
        """Return up to `limit` meters by rising identifier, those after `after`."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            return [meter_of(row) for row in await connection.fetch(_PAGE, after, limit)]

    async def of_group(
        self, *, feeder: str | None = None, transformer: str | None = None, limit: int
    ) -> list[Meter]:
        """Return up to `limit` meters of a feeder, of a transformer, or of all, by identifier.

        Virtual meters are no part of any group: what they sum up is in it already.
        """
        asked = [
            (field, name)
            for field, name in zip(_GROUPED, (feeder, transformer), strict=True)
            if name is not None
        ]
        conditions = [f"record->>'{field}' = ${2 + at} AND" for at, (field, _) in enumerate(asked)]
        query = _OF_GROUP.format(" ".join(conditions))
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(query, limit, *(name for _, name in asked))
        return [meter_of(row) for row in rows]

    async def at_service_point(self, service_point: str, *, limit: int) -> list[Meter]:
        """Return up to `limit` meters that name a service point, by identifier."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(_AT_SERVICE_POINT, service_point, limit)
        return [meter_of(row) for row in rows]

    async def changes(self, *, after: int, limit: int) -> tuple[list[Meter], int, bool]:
        """Return up to `limit` meters changed after version `after`, oldest change first.

        And the version up to which a reader that has taken them knows everything, and whether
        that is the registry's own.
        """
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            rows = await connection.fetch(_CHANGES, after, limit + 1)
            meters = [meter_of(row) for row in rows[:limit]]
            if len(rows) > limit and meters:
                return meters, meters[-1].version, False
            return meters, int(await connection.fetchval(_VERSION)), True

    async def version(self) -> int:
        """Return the version of the last change, 0 when nothing was ever registered."""
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            return int(await connection.fetchval(_VERSION))


def _same(held: Meter, meter: Meter) -> bool:
    return held == msgspec.structs.replace(meter, version=held.version)
