"""A readings body: which versions of which slots, and the JSON that carries them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.versions import REGISTER, Slot, Version, instant

Reading = tuple[Slot, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What goes out in one request.

    `answered` cuts `readings`, in their order, into what the answer speaks of one by one: series,
    or the whole list. `fresh`: its versions were never sent before. `copies`: so many requests
    carry it at once.
    """

    tenant: str
    edge: str
    readings: list[Reading]
    answered: list[int]
    fresh: bool
    copies: int = 1
    payload: bytes = field(repr=False)


def series_body(
    series: Sequence[list[Reading]], *, edge: str, fresh: bool, copies: int = 1
) -> Body:
    """Write `series`: each is one meter's consecutive slots or one instant's meters."""
    return Body(
        tenant=series[0][0][0].tenant,
        edge=edge,
        readings=[reading for one in series for reading in one],
        answered=[len(one) for one in series],
        fresh=fresh,
        copies=copies,
        payload=json.dumps({"series": [_series(one) for one in series]}).encode(),
    )


def list_body(readings: list[Reading], *, edge: str, fresh: bool, copies: int = 1) -> Body:
    """Write `readings` one by one."""
    return Body(
        tenant=readings[0][0].tenant,
        edge=edge,
        readings=readings,
        answered=[len(readings)],
        fresh=fresh,
        copies=copies,
        payload=json.dumps({"readings": [_listed(*one) for one in readings]}).encode(),
    )


def runs(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Cut interval readings into series of consecutive slots of a meter, keeping their order."""
    cut: list[list[Reading]] = []
    for slot, version in readings:
        before = cut[-1][-1][0] if cut else None
        if before is not None and slot == before._replace(
            start_s=before.start_s + before.interval_s
        ):
            cut[-1].append((slot, version))
        else:
            cut.append([(slot, version)])
    return cut


def _series(readings: list[Reading]) -> dict[str, Any]:
    slots = [slot for slot, _ in readings]
    qualities = [version.quality for _, version in readings]
    first = slots[0]
    common = {
        "register": REGISTER,
        "interval_s": first.interval_s,
        "values": [version.value for _, version in readings],
        "quality": qualities[0] if len(set(qualities)) == 1 else qualities,
    }
    if first.interval_s == 0 or (len(slots) > 1 and slots[1].start_s == first.start_s):
        assert {(slot.start_s, slot.interval_s) for slot in slots} == {first[2:]}
        return common | {
            "at": instant(first.start_s),
            "meter_ids": [slot.meter for slot in slots],
        }
    assert {slot.meter for slot in slots} == {first.meter}
    return common | {"start": instant(first.start_s), "meter_id": first.meter}


def _listed(slot: Slot, version: Version) -> dict[str, Any]:
    reading = {
        "meter_id": slot.meter,
        "register": REGISTER,
        "at": instant(slot.start_s),
        "value": version.value,
        "quality": version.quality,
    }
    return reading | ({"interval_s": slot.interval_s} if slot.interval_s else {})
