"""Bodies of a measured load: every reading new, every body of exactly the size asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from meter_emulator.bodies import rfc3339

INTERVAL_S = 900
SLOTS = 86_400 // INTERVAL_S
REGISTER = "1-0:1.8.0"
FORMS = ("series", "list")
SHAPES = ("live", "backfill")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """`readings` of `meters` meters in bodies of `per_body`; `form` is that of the body.

    `live` goes instant by instant through all meters, `backfill` meter by meter through its day
    and then on to the next day, both from `first_s` on (midnight UTC, seconds since 1970) and
    without the first `skip` readings.
    """

    form: str
    shape: str
    meters: int
    first_s: int
    skip: int
    readings: int
    per_body: int
    seed: int = 1


def meter_id(number: int) -> str:
    """Name of the fleet's meter at `number`, counted from 0."""
    return f"B{number + 1:06}"


def measured_bodies(load: Measured) -> Iterator[bytes]:
    """Encode the bodies in their order; the last one may be shorter."""
    values = np.random.default_rng(load.seed).integers(0, 2_000, load.readings).tolist()
    body = _list_body if load.form == "list" else _series_body
    for begin in range(0, load.readings, load.per_body):
        place = load.skip + np.arange(begin, min(begin + load.per_body, load.readings))
        meter, at_s = _where(load, place)
        yield _encode(body(load.shape, meter, at_s, values[begin : begin + load.per_body]))


def _where(load: Measured, place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    day, rest = np.divmod(place, load.meters * SLOTS)
    if load.shape == "live":
        slot, meter = np.divmod(rest, load.meters)
    else:
        meter, slot = np.divmod(rest, SLOTS)
    return meter, load.first_s + day * 86_400 + slot * INTERVAL_S


def _series_body(
    shape: str, meter: NDArray[np.int64], at_s: NDArray[np.int64], values: list[int]
) -> dict[str, Any]:
    whole = at_s if shape == "live" else meter * 1_000_000 + at_s // 86_400
    starts = np.flatnonzero(np.diff(whole, prepend=whole[:1] - 1)).tolist()
    series = []
    for begin, end in zip(starts, [*starts[1:], len(values)], strict=True):
        one: dict[str, Any] = {"register": REGISTER, "interval_s": INTERVAL_S}
        if shape == "live":
            one["at"] = rfc3339(int(at_s[begin]))
            one["meter_ids"] = [meter_id(number) for number in meter[begin:end].tolist()]
        else:
            one["start"] = rfc3339(int(at_s[begin]))
            one["meter_id"] = meter_id(int(meter[begin]))
        series.append(one | {"values": values[begin:end]})
    return {"series": series}


def _list_body(
    _: str, meter: NDArray[np.int64], at_s: NDArray[np.int64], values: list[int]
) -> dict[str, Any]:
    return {
        "readings": [
            {
                "meter_id": meter_id(number),
                "register": REGISTER,
                "at": rfc3339(instant),
                "interval_s": INTERVAL_S,
                "value": value,
            }
            for number, instant, value in zip(meter.tolist(), at_s.tolist(), values, strict=True)
        ]
    }
