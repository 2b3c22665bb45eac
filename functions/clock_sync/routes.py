"""The routes of clock_sync: the exchange, and how good the zone's time is."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from functions.clock_sync.examples import exchange_document, status_document
from functions.clock_sync.metrics import ClockMetrics
from functions.clock_sync.schema import ExchangeAnswer, ExchangeBody, Status
from functions.clock_sync.zone_clock import ZoneClock
from functions.runtime.problem import ProblemTable


class MalformedQuestion(ValueError):
    """The body is no question for the time; says where."""


class TooManyMeters(ValueError):
    """The body asks for more meters than one exchange takes."""


PROBLEMS: Final[ProblemTable] = {
    MalformedQuestion: (400, "malformed-body"),
    TooManyMeters: (413, "body-too-large"),
}
JSON: Final = "application/json"


def clock_routes(
    *,
    zone: str,
    clock: ZoneClock,
    metrics: ClockMetrics,
    most_meters: int,
    last_error: Callable[[], str | None],
    sntp: Callable[[], str | None],
) -> APIRouter:
    """Return the routes of the zone's `clock`."""
    routes = APIRouter(tags=["clock_sync"])
    read = msgspec.json.Decoder(ExchangeBody).decode

    @routes.post(
        "/v1/clock_sync/exchange",
        summary="Tell the time in a four-timestamp exchange",
        openapi_extra=exchange_document(most=most_meters),
        response_class=Response,
    )
    async def exchange(request: Request) -> Response:
        """Send t1, take t2 and t3, add t4: see the answer's form for the arithmetic."""
        # Before anything else: what the worker does first would count as delay of one way.
        t2, steady_us = clock.now_us(), clock.steady_us()
        try:
            question = read(await request.body())
        except msgspec.DecodeError as error:
            raise MalformedQuestion(str(error)) from error
        if isinstance(question.t1_us, list) and len(question.t1_us) > most_meters:
            raise TooManyMeters(
                f"{len(question.t1_us)} meters in one exchange; at most {most_meters}"
            )
        standing = clock.standing()
        metrics.exchanged(synchronised=standing.synchronised)
        answer = ExchangeAnswer(
            t1_us=question.t1_us,
            t2_us=t2,
            # Counted on, not read again: a correction in between is not a time of waiting.
            t3_us=t2 + clock.steady_us() - steady_us,
            zone=zone,
            synchronised=standing.synchronised,
            stratum=standing.stratum,
            reference=standing.reference,
            root_delay_us=standing.root_delay_us,
            root_dispersion_us=rounded_up(standing.root_dispersion_us),
        )
        return Response(msgspec.json.encode(answer), media_type=JSON)

    @routes.get(
        "/v1/clock_sync/status",
        summary="How good the zone's time is",
        openapi_extra=status_document(),
        response_class=Response,
    )
    async def status() -> Response:
        """Offset, delay, jitter, stratum and reference; `now` is the zone's time."""
        standing = clock.standing()
        found = Status(
            zone=zone,
            now=_text(clock.now_us()),
            synchronised=standing.synchronised,
            stratum=standing.stratum,
            reference=standing.reference,
            offset_us=standing.offset_us,
            delay_us=standing.delay_us,
            jitter_us=round(standing.jitter_us),
            root_delay_us=standing.root_delay_us,
            root_dispersion_us=rounded_up(standing.root_dispersion_us),
            heard=None if standing.heard_us is None else _text(standing.heard_us),
            last_error=last_error(),
            sntp=sntp(),
        )
        return Response(msgspec.json.encode(found), media_type=JSON)

    return routes


def rounded_up(micros: float) -> int:
    """Return whole microseconds: a bound must not shrink on its way."""
    return -int(-micros // 1)


def _text(instant_us: int) -> str:
    seconds, micros = divmod(instant_us, 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
