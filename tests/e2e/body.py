"""A readings body: which versions of which slots, and the JSON that carries them."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.versions import INTERVAL_S, REGISTER, Slot, Version, instant

Reading = tuple[Slot, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What goes out in one request; `series` cuts `readings`, in their order, into series.

    `fresh`: its versions were never sent before. `copies`: so many requests carry it at once.
    """

    tenant: str
    edge: str
    readings: list[Reading]
    series: list[int]
    fresh: bool
    copies: int = 1
    payload: bytes = field(repr=False)


def make_body(series: list[list[Reading]], *, edge: str, fresh: bool, copies: int = 1) -> Body:
    """Write the body of `series`: each is one meter's consecutive slots or one instant's meters."""
    return Body(
        tenant=series[0][0][0].tenant,
        edge=edge,
        readings=[reading for one in series for reading in one],
        series=[len(one) for one in series],
        fresh=fresh,
        copies=copies,
        payload=json.dumps({"series": [_series(one) for one in series]}).encode(),
    )


def runs(readings: list[Reading]) -> list[list[Reading]]:
    """Cut readings into series of consecutive slots of a meter, keeping their order."""
    cut: list[list[Reading]] = []
    for slot, version in readings:
        before = cut[-1][-1][0] if cut else None
        if before is not None and slot == before._replace(start_s=before.start_s + INTERVAL_S):
            cut[-1].append((slot, version))
        else:
            cut.append([(slot, version)])
    return cut


def _series(readings: list[Reading]) -> dict[str, Any]:
    first = readings[0][0]
    slots = [slot for slot, _ in readings]
    qualities = [version.quality for _, version in readings]
    common = {
        "register": REGISTER,
        "interval_s": INTERVAL_S,
        "values": [version.value for _, version in readings],
        "quality": qualities[0] if len(set(qualities)) == 1 else qualities,
    }
    at = instant(first.start_s)
    if len({slot.start_s for slot in slots}) == 1 and len(slots) > 1:
        return common | {"at": at, "meter_ids": [slot.meter for slot in slots]}
    assert len({slot.meter for slot in slots}) == 1
    return common | {"start": at, "meter_id": first.meter}
