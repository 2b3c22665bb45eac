"""Periods of many meters in parts: nothing twice, nothing left out, memory bounded."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from functions.mdms.stretch_reading import BLOCKS_AT_ONCE, read_stretches, stretches
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.event_block import EventKey
from storage.model.meter import EarlierLength, Meter
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT

DAY_S = 86_400


def meter(name: str, **changes: object) -> Meter:
    return Meter(meter_id=name, registers=(IMPORT,), interval_s=3_600, **changes)  # type: ignore[arg-type]  # any field


class Blocks:
    """Every block there is, each slot holding its hour since 1970; counts what is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[BlockKey]] = []

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, NDArray[np.void]]:
        self.asked.append(list(keys))
        found = {}
        for key in keys:
            slots = np.zeros(key.slots, dtype=SLOT)
            slots["final"] = key.day * key.slots + np.arange(key.slots)
            slots["flags"] = PRESENT | HAS_RAW
            found[key] = slots
        return found

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, NDArray[np.void]]:
        raise AssertionError("no events are asked for")


async def test_each_interval_of_each_meter_is_read_once() -> None:
    blocks = Blocks()
    begin_s, end_s = MIDNIGHT + 5 * 3_600, MIDNIGHT + 100 * DAY_S + 7 * 3_600
    meters = [meter(f"M{number:02d}") for number in range(12)]
    parts = stretches(meters, register=IMPORT, begin_s=begin_s, end_s=end_s)

    found: dict[str, list[int]] = {}
    async for part, slots in read_stretches(blocks, parts):
        found.setdefault(part.meter_id, []).extend(slots["final"].tolist())

    assert list(found) == [one.meter_id for one in meters]
    assert all(one == list(range(begin_s // 3_600, end_s // 3_600)) for one in found.values())
    keys = [key for asked in blocks.asked for key in asked]
    assert len(keys) == len(set(keys)) == 12 * 101
    assert max(map(len, blocks.asked)) <= BLOCKS_AT_ONCE + 32
    assert len(blocks.asked) > 1


def test_a_change_of_length_begins_another_part() -> None:
    noon = MIDNIGHT + 12 * 3_600
    changed = meter("A", interval_since_s=noon, earlier=(EarlierLength(noon, 900),))
    parts = list(stretches([changed], register=IMPORT, begin_s=MIDNIGHT, end_s=MIDNIGHT + DAY_S))

    assert [(part.interval_s, part.end - part.first) for part in parts] == [(900, 48), (3_600, 12)]


async def test_no_meters_no_parts() -> None:
    blocks = Blocks()
    assert [one async for one in read_stretches(blocks, [])] == []
