"""The routes that read a meter's events, and what was replaced in any of its readings."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from functions.mdms import examples
from functions.mdms.event_query import EventPeriod, cursor_after, event_period, parts_of
from functions.mdms.lookup import registered_meter
from functions.mdms.period_query import instant_text
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.query_schema import EventsAnswer, RevisionsAnswer
from functions.mdms.revision_query import cursor_after_revision, in_period, page_size, part_of
from functions.mdms.settings import MdmsSettings
from functions.mdms.sourced_series import missing_in
from functions.runtime.request import Caller, caller
from storage.model.revision import Revision

IMPORT = "1-0:1.8.0"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A page of a meter's period."""

    known: Annotated[Caller, Depends(caller)]
    meter_id: Annotated[str, Query(min_length=1, max_length=64)]
    begin: Annotated[AwareDatetime, Query(alias="from")]
    end: Annotated[AwareDatetime, Query(alias="to")]
    register: Annotated[str, Query()] = IMPORT
    limit: Annotated[int, Query(ge=1, le=50_000)] = 5_000
    cursor: Annotated[str | None, Query()] = None
    recall: Annotated[bool, Query()] = True

    async def period(self, zone: Backing, *, max_days: int) -> EventPeriod:
        """What to read, of a meter that the zone's registry knows.

        Raises:
            UnknownMeter, UnknownRegister, BadPeriod, BadCursor: it cannot be asked for.
        """
        meter = await registered_meter(zone.book, self.meter_id, register=self.register)
        return event_period(
            meter=meter,
            register=self.register,
            begin=self.begin,
            end=self.end,
            cursor=self.cursor,
            max_days=max_days,
        )


def event_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/events", summary="Read a meter's events", **examples.EVENTS)
    async def events(asked: Annotated[Asked, Depends()]) -> Response:
        """Register reads and intervals off their grid at instants in `[from, to)`."""
        zone = backing()
        period = await asked.period(zone, max_days=settings.max_query_days)
        pages = []
        count = 0
        reader = zone.open_reader(asked.recall, False)
        for days in period.day_groups():
            pages.append(period.select(await reader.read_events(period.event_keys(days))))
            count += len(pages[-1])
            if count > asked.limit:
                break
        found = np.concatenate([period.select({}), *pages])
        page = found[: asked.limit]
        return _json(
            EventsAnswer(
                meter_id=asked.meter_id,
                register=asked.register,
                begin=instant_text(period.begin_s),
                end=instant_text(period.end_s),
                events=parts_of(page),
                source=reader.provenance.said(zone.source),
                next_cursor=cursor_after(page) if len(page) < len(found) else None,
                age_s=reader.provenance.age_s(time.time()),
                missing=missing_in(reader.provenance.missing, reader.provenance),
            )
        )

    @router.get("/revisions", summary="Read what was replaced", **examples.REVISIONS)
    async def revisions(asked: Annotated[Asked, Depends()]) -> Response:
        """Versions of readings at instants in `[from, to)` that do not count now, in order.

        A page ends with the last version of a reading, so it may be a little longer than `limit`.
        """
        zone = backing()
        if zone.revisions is None:
            raise NotInThisZone(what="the revisions log", tiers=[1], tier=zone.tier)
        period = await asked.period(zone, max_days=settings.max_query_days)
        found: list[Revision] = []
        for days in period.day_groups():
            keys = period.block_keys(days), period.event_keys(days)
            found += in_period(await zone.revisions.read_revisions(*keys), period)
            if len(found) > asked.limit:
                break
        size = page_size(found, asked.limit)
        return _json(
            RevisionsAnswer(
                meter_id=asked.meter_id,
                register=asked.register,
                begin=instant_text(period.begin_s),
                end=instant_text(period.end_s),
                revisions=[part_of(one) for one in found[:size]],
                next_cursor=cursor_after_revision(found[size - 1]) if size < len(found) else None,
            )
        )

    return router


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
