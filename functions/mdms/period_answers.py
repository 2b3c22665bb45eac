"""Answers about periods of many meters: in one piece, or a row at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from fastapi import Response
from fastapi.responses import StreamingResponse
from numpy.typing import NDArray

from functions.mdms.answer_form import MEDIA_TYPES, AnswerForm, encode_header, encode_rows
from functions.mdms.calendar_buckets import Step
from functions.mdms.green_button import END, GreenButtonFeed
from functions.mdms.parquet_form import ParquetRows
from functions.mdms.period_query import BadPeriod, Page, instant_text
from functions.mdms.ports import Backing, BlockReader
from functions.mdms.reading_rows import ROW, rows_of
from functions.mdms.resampling import Resampled, adds_up
from functions.mdms.sourced_series import sourced_parts
from functions.mdms.stretch_reading import read_stretches, stretches
from functions.mdms.tiered_reading import QueryReader
from functions.mdms.value_view import View, viewed_names, viewed_part, viewed_rows
from storage.model.interval_lengths import lengths_in
from storage.model.meter import Meter

MOST_IN_JSON: Final = 100_000
"""Intervals or buckets of an answer that is made in one piece."""
MOST_IN_PARQUET: Final = 2_000_000
"""Intervals with a value of a file, which is made in memory."""


class AnswerTooLarge(ValueError):
    """The answer is too large for one piece."""

    def __init__(self, rows: int, *, most: int = MOST_IN_JSON) -> None:
        super().__init__(
            f"{rows} intervals for an answer in one piece; at most {most} are: ask for a shorter "
            "period or fewer meters, or for ndjson or csv"
        )
        self.members = {"limit": most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Meters and the period that is asked of each."""

    meters: list[Meter]
    register: str
    begin_s: int
    end_s: int
    recall: bool = True
    """Whether what this zone lacks is asked for below."""

    def parts(self, meters: Iterable[Meter] | None = None) -> Iterable[Page]:
        """The period of `meters`, or of all, in parts that can be read."""
        return stretches(
            self.meters if meters is None else meters,
            register=self.register,
            begin_s=self.begin_s,
            end_s=self.end_s,
        )


def check_step(found: Period, step: Step) -> None:
    """Refuse buckets that are shorter than a meter's intervals: most would be empty.

    Raises:
        BadPeriod: they are.
    """
    if not isinstance(step, int):
        return
    for meter in found.meters:
        longest = max(lengths_in(meter, begin_s=found.begin_s, end_s=found.end_s), default=0)
        if longest > step:
            raise BadPeriod(
                f"meter {meter.meter_id!r} has intervals of {longest} s; `resample` makes longer "
                f"ones, not of {step} s"
            )


async def answer_of_many(zone: Backing, found: Period, *, view: View) -> Response:
    """The intervals of many meters in one piece.

    Raises:
        AnswerTooLarge: more than `MOST_IN_JSON`.
    """
    size = sum(part.end - part.first for part in found.parts())
    if size > MOST_IN_JSON:
        raise AnswerTooLarge(size)
    meters: list[dict[str, Any]] = [
        {"meter_id": meter.meter_id, "series": []} for meter in found.meters
    ]
    series = {one["meter_id"]: one["series"] for one in meters}
    reader = zone.open_reader(found.recall, False)
    async for part, slots in read_stretches(reader, found.parts()):
        for one in sourced_parts(part, slots, reader.provenance):
            series[part.meter_id].append(
                {"interval_s": part.interval_s, **msgspec.to_builtins(viewed_part(one, view))}
            )
    return json_answer(_head(found) | {"meters": meters} | sources(zone, reader))


async def answer_of_green_button(
    zone: Backing, found: Period, *, tenant: str, now_s: int
) -> Response:
    """The feed of the one meter of `found`, an entry a day that has values."""
    [meter] = found.meters
    feed = GreenButtonFeed(
        tenant=tenant, meter_id=meter.meter_id, register=found.register, now_s=now_s
    )
    lengths = lengths_in(meter, begin_s=found.begin_s, end_s=found.end_s)
    days = stretches(
        [meter], register=found.register, begin_s=found.begin_s, end_s=found.end_s, days=1
    )

    async def entries() -> AsyncIterator[bytes]:
        head = feed.begin(lengths)
        async for part, slots in read_stretches(zone.open_reader(found.recall, True), days):
            yield head + feed.block(part, slots)
            head = b""
        yield head + END

    return await _streamed(AnswerForm.GREEN_BUTTON, (), entries())


async def resampled_answer(
    zone: Backing,
    found: Period,
    *,
    bounds: NDArray[np.int64],
    said: dict[str, str],
    form: AnswerForm,
) -> Response:
    """Buckets between `bounds` of each meter; `said` stands in the JSON's head.

    Raises:
        AnswerTooLarge: more than `MOST_IN_JSON` in one piece.
    """
    energy = adds_up(found.register)
    names = (
        "meter_id",
        "register",
        "from",
        "to",
        *(("sum",) if energy else ("mean", "max")),
        "intervals",
        "missing",
    )
    if form is not AnswerForm.JSON:
        return await _streamed(form, names, _bucket_rows(zone, found, bounds, form))
    size = len(found.meters) * (len(bounds) - 1)
    if size > MOST_IN_JSON:
        raise AnswerTooLarge(size)
    reader = zone.open_reader(found.recall, False)
    meters = [
        {"meter_id": meter.meter_id, "buckets": buckets.rows(energy=energy)}
        async for meter, buckets in resampled_meters(reader, found, bounds)
    ]
    return json_answer(_head(found) | said | {"meters": meters} | sources(zone, reader))


def sources(zone: Backing, reader: QueryReader) -> dict[str, Any]:
    """Where an answer was read, how old the recalled part is, and how much could not be asked."""
    provenance = reader.provenance
    told: dict[str, Any] = {"source": provenance.said(zone.source)}
    if (age_s := provenance.age_s(time.time())) is not None:
        told["age_s"] = age_s
    if provenance.missing:
        reasons = sorted(set(provenance.missing.values()))
        told["missing_days"] = {"count": len(provenance.missing), "reason": reasons[0]}
    return told


async def resampled_meters(
    blocks: BlockReader, found: Period, bounds: NDArray[np.int64]
) -> AsyncIterator[tuple[Meter, Resampled]]:
    """Each meter's buckets, in the order of the meters."""
    waiting = iter(found.meters)
    meter, buckets = next(waiting, None), Resampled.empty(bounds)
    async for part, slots in read_stretches(blocks, found.parts()):
        while meter is not None and meter.meter_id != part.meter_id:
            yield meter, buckets
            meter, buckets = next(waiting, None), Resampled.empty(bounds)
        buckets.add(first=part.first, interval_s=part.interval_s, slots=slots)
    while meter is not None:
        yield meter, buckets
        meter, buckets = next(waiting, None), Resampled.empty(bounds)


async def answer_of_rows(zone: Backing, found: Period, form: AnswerForm, *, view: View) -> Response:
    """Rows of the intervals, however many: NDJSON or CSV."""
    return await _streamed(form, viewed_names(ROW, view), _rows(zone, found, form, view))


async def answer_of_parquet(zone: Backing, found: Period) -> Response:
    """Rows of the intervals as a Parquet file.

    Raises:
        AnswerTooLarge: more than `MOST_IN_PARQUET`.
        FormNotInstalled: see there.
    """
    rows = ParquetRows()
    reader = zone.open_reader(found.recall, True)
    async for part, slots in read_stretches(reader, found.parts()):
        rows.add(part, slots)
        if rows.rows > MOST_IN_PARQUET:
            raise AnswerTooLarge(rows.rows, most=MOST_IN_PARQUET)
    return Response(
        await asyncio.to_thread(rows.written), media_type=MEDIA_TYPES[AnswerForm.PARQUET]
    )


async def _rows(zone: Backing, found: Period, form: AnswerForm, view: View) -> AsyncIterator[bytes]:
    reader = zone.open_reader(found.recall, True)
    async for part, slots in read_stretches(reader, found.parts()):
        if rows := viewed_rows(rows_of(part, slots), view):
            yield encode_rows(form, rows)


async def _bucket_rows(
    zone: Backing, found: Period, bounds: NDArray[np.int64], form: AnswerForm
) -> AsyncIterator[bytes]:
    energy = adds_up(found.register)
    reader = zone.open_reader(found.recall, True)
    async for meter, buckets in resampled_meters(reader, found, bounds):
        of_meter = {"meter_id": meter.meter_id, "register": found.register}
        yield encode_rows(form, [of_meter | row for row in buckets.rows(energy=energy)])


async def _streamed(form: AnswerForm, names: Sequence[str], rows: AsyncIterator[bytes]) -> Response:
    # The first rows are read before the answer begins: what fails until then is a problem.
    first = await anext(rows, b"")

    async def pieces() -> AsyncIterator[bytes]:
        yield encode_header(form, names) + first
        async for piece in rows:
            yield piece

    return StreamingResponse(pieces(), media_type=MEDIA_TYPES[form])


def _head(found: Period) -> dict[str, Any]:
    return {
        "register": found.register,
        "from": instant_text(found.begin_s),
        "to": instant_text(found.end_s),
    }


def json_answer(answer: Any) -> Response:
    """An answer as JSON."""
    return Response(msgspec.json.encode(answer), media_type="application/json")
