"""`GET /v1/mdms/readings`: periods of one meter or many, as they are or resampled, in any form."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AwareDatetime, Field, StringConstraints

from functions.mdms import examples
from functions.mdms.answer_form import (
    AnswerForm,
    form_of,
)
from functions.mdms.calendar_buckets import bucket_bounds, read_step, zone_named
from functions.mdms.lookup import meters_asked, registered_meter
from functions.mdms.period_answers import (
    Period,
    answer_of_green_button,
    answer_of_many,
    answer_of_parquet,
    answer_of_rows,
    check_step,
    json_answer,
    resampled_answer,
)
from functions.mdms.period_query import (
    BadPeriod,
    check_period,
    page_of,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.quality_filter import of_qualities
from functions.mdms.query_schema import PeriodAnswer
from functions.mdms.settings import MdmsSettings
from functions.mdms.sourced_series import missing_in, sourced_parts
from functions.mdms.value_view import View, viewed_part
from functions.mdms.virtual_reading import with_virtual
from functions.runtime.request import Caller, caller

IMPORT: Final = "1-0:1.8.0"
Quality = Annotated[int, Field(ge=0, le=255)]
MeterName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a call asks for."""

    known: Annotated[Caller, Depends(caller)]
    begin: Annotated[AwareDatetime, Query(alias="from")]
    end: Annotated[AwareDatetime, Query(alias="to")]
    meter_id: Annotated[list[MeterName] | None, Query(max_length=1_000)] = None
    feeder: Annotated[str | None, Query(min_length=1, max_length=128)] = None
    transformer: Annotated[str | None, Query(min_length=1, max_length=128)] = None
    every: Annotated[bool, Query(alias="all")] = False
    quality: Annotated[list[Quality] | None, Query(max_length=32)] = None
    register: Annotated[str, Query()] = IMPORT
    limit: Annotated[int, Query(ge=1, le=50_000)] = 5_000
    cursor: Annotated[str | None, Query()] = None
    format: Annotated[AnswerForm | None, Query()] = None
    resample: Annotated[str | None, Query()] = None
    time_zone: Annotated[str | None, Query(max_length=64)] = None
    recall: Annotated[bool, Query()] = True
    view: Annotated[View, Query()] = View.BOTH
    accept: Annotated[str, Header(include_in_schema=False)] = ""


def period_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/readings", summary="Read periods of meters", **examples.PERIOD)
    async def period(asked: Annotated[Asked, Depends()]) -> Response:
        """Intervals that start in `[from, to)`: of `meter_id` (one or more) or of a group.

        A group is a `feeder`, a `transformer`, or `all` meters of the tenant. `quality` (one or
        more) leaves out values whose quality is another, as if they were not there.
        JSON of one meter comes in pages, all of one length: where the meter's changed,
        `next_cursor` leads on. NDJSON and CSV (`format`, or Accept) have a row an interval that
        has a value. `resample` (seconds, `day` or `month`, in `time_zone`) gives sums of
        energy, or means and maxima of demand, and says how many intervals are missing.
        `greenbutton` is one meter's feed of NAESB ESPI, `parquet` a file of rows. What this zone
        lacks is recalled from the tiers below unless `recall` is false; `source` says where each
        stretch was read. `view` is `raw` (as metered, pre-VEE), `final` (as it counts, post-VEE) or
        both beside one another.
        """
        zone = backing()
        form = form_of(asked.format, asked.accept)
        grouped = asked.every or asked.feeder is not None or asked.transformer is not None
        one = asked.meter_id is not None and len(asked.meter_id) == 1 and not grouped
        if one and form is AnswerForm.JSON and asked.resample is None:
            return await _page(zone, asked, settings)
        if asked.cursor is not None:
            raise BadPeriod("`cursor` is for the JSON of one meter, not resampled")
        check_period(begin=asked.begin, end=asked.end, max_days=settings.max_query_days)
        found = Period(
            meters=await meters_asked(
                zone.book,
                meter_ids=asked.meter_id,
                feeder=asked.feeder,
                transformer=asked.transformer,
                every=asked.every,
                register=asked.register,
            ),
            register=asked.register,
            begin_s=second_at_or_after(asked.begin),
            end_s=second_at_or_after(asked.end),
            recall=asked.recall,
        )
        zone = of_qualities(await with_virtual(zone, found.meters), asked.quality)
        final_only = form is AnswerForm.GREEN_BUTTON or asked.resample is not None
        if asked.view is View.RAW and final_only:
            raise BadPeriod("a Green Button feed and longer intervals are of final values")
        if form is AnswerForm.GREEN_BUTTON:
            if not one or asked.resample is not None:
                raise BadPeriod("a Green Button feed is of one meter, not resampled")
            now_s = int(time.time())
            return await answer_of_green_button(zone, found, tenant=asked.known.tenant, now_s=now_s)
        if form is AnswerForm.PARQUET:
            if asked.resample is not None or asked.view is not View.BOTH:
                raise BadPeriod("a Parquet file has intervals as they are, in all their columns")
            return await answer_of_parquet(zone, found)
        if asked.resample is not None:
            time_zone = asked.time_zone or settings.time_zone
            step = read_step(asked.resample)
            check_step(found, step)
            bounds = bucket_bounds(
                begin_s=found.begin_s,
                end_s=found.end_s,
                step=step,
                zone=zone_named(time_zone),
            )
            said = {"resample": asked.resample, "time_zone": time_zone}
            return await resampled_answer(zone, found, bounds=bounds, said=said, form=form)
        if form is AnswerForm.JSON:
            return await answer_of_many(zone, found, view=asked.view)
        return await answer_of_rows(zone, found, form, view=asked.view)

    return router


async def _page(zone: Backing, asked: Asked, settings: MdmsSettings) -> Response:
    assert asked.meter_id is not None
    meter = await registered_meter(zone.book, asked.meter_id[0], register=asked.register)
    zone = of_qualities(await with_virtual(zone, [meter]), asked.quality)
    page = page_of(
        meter=meter,
        register=asked.register,
        begin=asked.begin,
        end=asked.end,
        limit=asked.limit,
        cursor=asked.cursor,
        max_days=settings.max_query_days,
    )
    reader = zone.open_reader(asked.recall, False)
    slots = page.slots(await reader.read(page.block_keys()))
    provenance = reader.provenance
    return json_answer(
        PeriodAnswer(
            meter_id=meter.meter_id,
            register=asked.register,
            interval_s=page.interval_s,
            begin=page.instant(page.first),
            end=page.instant(page.end),
            series=[
                viewed_part(part, asked.view) for part in sourced_parts(page, slots, provenance)
            ],
            source=provenance.said(zone.source),
            next_cursor=page.cursor(),
            age_s=provenance.age_s(time.time()),
            missing=missing_in(page.block_keys(), provenance),
        )
    )
