"""`GET /v1/mdms/aggregates`: feeders, transformers, the tenant, or its part in a zone."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from functions.mdms import examples
from functions.mdms.calendar_buckets import bucket_bounds, read_step, zone_named
from functions.mdms.group_sums import GroupSums
from functions.mdms.period_answers import (
    MOST_IN_JSON,
    AnswerTooLarge,
    Period,
    check_step,
    json_answer,
    resampled_meters,
    sources,
)
from functions.mdms.period_query import (
    BadPeriod,
    check_period,
    instant_text,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.model.meter import Meter
from storage.model.runs import DAY_S

IMPORT: Final = "1-0:1.8.0"
MOST_BLOCKS: Final = 400_000


class GroupTooLarge(ValueError):
    """The sum needs more days of meters than one call may read."""

    def __init__(self, most: int = MOST_BLOCKS) -> None:
        super().__init__(f"more than {most} days of meters in one sum: ask for a shorter period")
        self.members = {"limit": most}


class Group(StrEnum):
    """What a sum is of; `zone` is the part of the tenant's meters that has values here."""

    FEEDER = "feeder"
    TRANSFORMER = "transformer"
    TENANT = "tenant"
    ZONE = "zone"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a call asks for."""

    known: Annotated[Caller, Depends(caller)]
    of: Annotated[Group, Query()]
    begin: Annotated[AwareDatetime, Query(alias="from")]
    end: Annotated[AwareDatetime, Query(alias="to")]
    name: Annotated[str | None, Query(min_length=1, max_length=128)] = None
    register: Annotated[str, Query()] = IMPORT
    resample: Annotated[str, Query()] = "3600"
    time_zone: Annotated[str | None, Query(max_length=64)] = None
    recall: Annotated[bool, Query()] = True


def aggregate_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/aggregates", summary="Sum up a group of meters", **examples.AGGREGATE)
    async def aggregate(asked: Annotated[Asked, Depends()]) -> Response:
        """Energy of a group of meters (`sum`), or their demand together (`mean`), by bucket.

        `of` says the kind of the group, `name` which feeder or transformer. Every bucket says
        how many meters had values in it, and how many had all of theirs.
        """
        zone = backing()
        check_period(begin=asked.begin, end=asked.end, max_days=settings.max_query_days)
        begin_s, end_s = second_at_or_after(asked.begin), second_at_or_after(asked.end)
        time_zone = asked.time_zone or settings.time_zone
        step = read_step(asked.resample)
        bounds = bucket_bounds(
            begin_s=begin_s,
            end_s=end_s,
            step=step,
            zone=zone_named(time_zone),
        )
        if len(bounds) - 1 > MOST_IN_JSON:
            raise AnswerTooLarge(len(bounds) - 1)
        days = -(-end_s // DAY_S) - begin_s // DAY_S
        meters = await _meters(zone, asked, most=MOST_BLOCKS // max(days, 1))
        sums = GroupSums(bounds)
        found = Period(meters=meters, register=asked.register, begin_s=begin_s, end_s=end_s)
        check_step(found, step)
        # What is in this zone is what it holds itself.
        reader = zone.open_reader(asked.recall and asked.of is not Group.ZONE, False)
        async for _, buckets in resampled_meters(reader, found, bounds):
            if asked.of is not Group.ZONE or buckets.present.any():
                sums.add(buckets)
        answer: dict[str, Any] = {
            "of": asked.of.value,
            "name": {Group.TENANT: asked.known.tenant, Group.ZONE: zone.zone}.get(
                asked.of, asked.name
            ),
            "register": asked.register,
            "from": instant_text(begin_s),
            "to": instant_text(end_s),
            "resample": asked.resample,
            "time_zone": time_zone,
            "meters": sums.meters,
            "with_values": sums.with_values,
            "buckets": sums.rows(energy=adds_up(asked.register)),
            **sources(zone, reader),
        }
        return json_answer(answer)

    return router


async def _meters(zone: Backing, asked: Asked, *, most: int) -> list[Meter]:
    named = asked.of in (Group.FEEDER, Group.TRANSFORMER)
    if named != (asked.name is not None):
        raise BadPeriod("`name` is for a feeder or a transformer, which it must name")
    meters = await zone.book.of_group(
        feeder=asked.name if asked.of is Group.FEEDER else None,
        transformer=asked.name if asked.of is Group.TRANSFORMER else None,
        limit=most + 1,
    )
    if len(meters) > most:
        raise GroupTooLarge
    return [meter for meter in meters if asked.register in meter.registers]
