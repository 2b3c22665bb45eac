"""The routes that show a tenant its record: figures, retention, where a meter's day is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from functions.cold_storage import examples
from functions.cold_storage.metrics import ColdMetrics
from functions.cold_storage.retention import planned
from functions.cold_storage.schema import Explanation, Plan, Policy, Status
from functions.cold_storage.settings import ColdStorageSettings
from functions.runtime.request import Caller, caller
from storage.cold.archive.catalogue import files_of
from storage.cold.archive.moving import parts_before
from storage.cold.pool import Pool, transaction
from storage.cold.tier_figures import TierFigures, figures, whereabouts
from storage.model.block import BlockKey
from storage.model.runs import DAY_S

IMPORT: Final = "1-0:1.8.0"
_EVERY_DAY: Final = 100_000
_PLAN_WITHIN_S: Final = 20.0
AnyCaller = Annotated[Caller, Depends(caller)]


class NoSuchLength(ValueError):
    """No block has that interval length."""

    def __init__(self, interval_s: int) -> None:
        super().__init__(f"interval_s {interval_s} divides no day")


@dataclass(frozen=True, kw_only=True)
class AskedBlock:
    """A block by its meter and day."""

    meter_id: Annotated[str, Query(min_length=1, max_length=64)]
    day: Annotated[date, Query()]
    interval_s: Annotated[int, Query(ge=60, le=DAY_S)] = 900
    register: Annotated[str, Query(min_length=1, max_length=64)] = IMPORT

    @property
    def key(self) -> BlockKey:
        """The block's key.

        Raises:
            NoSuchLength: see there.
        """
        if DAY_S % self.interval_s:
            raise NoSuchLength(self.interval_s)
        day = (self.day - date(1970, 1, 1)).days
        return BlockKey(self.meter_id, self.register, day, self.interval_s)


def tier_routes(
    pool: Callable[[], Pool], settings: ColdStorageSettings, *, zone: str, metrics: ColdMetrics
) -> APIRouter:
    """Make the router; `pool` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/cold_storage", tags=["cold_storage"])

    @router.get("/status", summary="The tenant's record by tier", **examples.STATUS)
    async def status(_: AnyCaller) -> Response:
        """Blocks, tail and archive, and the age of the newest data."""
        found = await figures(pool())
        show(metrics, found)
        return _json(
            Status(
                zone=zone,
                blocks=found.blocks,
                event_blocks=found.event_blocks,
                readings=found.readings,
                block_bytes=found.block_bytes,
                oldest_day=_date(found.oldest_day),
                newest_day=_date(found.newest_day),
                tail_entries=found.tail_entries,
                tail_oldest_s=round(found.tail_oldest_s, 3),
                archived_files=found.archived_files,
                archived_readings=found.archived_readings,
                archived_bytes=found.archived_bytes,
                newest_age_s=_age_s(found.newest_us),
            )
        )

    @router.get("/policy", summary="The retention in force", **examples.POLICY)
    async def policy(_: AnyCaller) -> Response:
        """Change it by the tenant's settings of `cold_storage`."""
        return _json(
            Policy(
                archive_after_days=settings.archives_after,
                erase_after_days=settings.erases_after,
                legal_minimum_days=settings.legal_minimum_days,
            )
        )

    @router.get("/explain", summary="Where a meter's day is", **examples.EXPLAIN)
    async def explain(_: AnyCaller, asked: Annotated[AskedBlock, Depends()]) -> Response:
        """In blocks, in the tail, in a file of the archive; and what retention has in mind."""
        key = asked.key
        found = await whereabouts(pool(), key)
        tiers = [
            name
            for name, there in (
                ("cold", found.values is not None),
                ("tail-of-that-day", found.in_tail),
                ("archive", found.archive_file is not None),
            )
            if there
        ]
        age = int(time.time() // DAY_S) - key.day
        limit = settings.archives_after
        return _json(
            Explanation(
                meter_id=key.meter_id,
                register=key.register,
                day=asked.day.isoformat(),
                interval_s=key.interval_s,
                tiers=tiers,
                values=found.values or 0,
                revisions=found.revisions,
                archive_file=found.archive_file,
                why=f"{age} days old, archive_after_days is {limit or 'not set'}",
            )
        )

    @router.post("/run", summary="What the retention asks for now", **examples.RUN)
    async def run(_: AnyCaller) -> Response:
        """A dry run: `gridfaas archive` at headquarters, which can write files, does it."""
        async with transaction(pool(), within_s=_PLAN_WITHIN_S, snapshot=True) as connection:
            parts = await parts_before(connection, _EVERY_DAY)
            files = await files_of(connection)
        today = int(time.time() // DAY_S)
        return _json(Plan(dry_run=True, plan=planned(parts, files, settings, today=today)))

    return router


def show(metrics: ColdMetrics, found: TierFigures) -> None:
    """Let the metrics say what was found."""
    metrics.holds("blocks", "Blocks of the record.", found.blocks)
    metrics.holds("block_bytes", "Bytes of their bodies.", found.block_bytes)
    metrics.holds("readings", "Readings in blocks.", found.readings)
    if (age_s := _age_s(found.newest_us)) is not None:
        metrics.holds("newest_age_seconds", "Age of the newest entry taken, then.", age_s)


def _age_s(newest_us: int) -> float | None:
    return round(max(0.0, time.time() - newest_us / 1e6), 3) if newest_us else None


def _date(day: int | None) -> str | None:
    return None if day is None else datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
