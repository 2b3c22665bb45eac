"""Filling gaps never takes the place of an actual value, whenever either comes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from functions.mdms.gap_filling import GapFilling
from functions.mdms.ports import Backing
from storage.memory import MemoryHotStore
from storage.model.block import SLOT, BlockKey
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.rule_groups import Filling, RuleGroup, RuleSetting
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry
from tests.unit.functions.mdms.vee.memory_zone import DAY, HOUR_S, REGISTER, MemoryZone

METERS = ("A", "B")
HOURS = 40
FILLS = RuleGroup(
    group="all",
    version=1,
    rules=(RuleSetting(rule="missing-interval", parameters={"grace_s": HOUR_S}),),
    fill=Filling(after_s=2 * HOUR_S),
)


class StoredZone(MemoryZone):
    """The same over a store that ranks values, into which gaps are filled."""

    def __init__(self, *meters: str) -> None:
        super().__init__(*meters)
        self.store = MemoryHotStore(zone="zone-2")
        self.before_accept: Mapping[tuple[str, int], int] = {}

    def relay(self, readings: Mapping[tuple[str, int], int], *, quality: int = 0) -> None:
        super().relay(readings, quality=quality)
        if readings:
            stamp = self.count
            entry = UplinkEntry("zone-3a", stamp, b"", self.entries[-1].payload, stamp - 1)
            coroutine = self.store.relay([entry], caller="zone-3a")
            # The store in memory never waits for anything.
            with_end = cast(Any, coroutine)
            try:
                with_end.send(None)
            except StopIteration:
                return
            raise AssertionError("the store waited")

    async def read_cells(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.void]:
        keys = [BlockKey(meter, register, day, interval_s) for meter in meters]
        held = await self.store.read(keys)
        nothing = np.zeros(24, dtype=SLOT)
        return np.stack([held.get(key, nothing)[slots.start : slots.stop] for key in keys])

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        return await self.store.read(keys)

    async def accept(self, batch: RunBatch) -> Any:
        # What is estimated may come while it is being estimated.
        late, self.before_accept = self.before_accept, {}
        self.relay(late)
        return await self.store.accept(batch)

    def filling(self) -> GapFilling:
        zone = Backing(
            tier=2,
            zone="zone-2",
            source="hot",
            blocks=self.store,
            open_reader=cast(Any, None),
            book=cast(Any, self.cache()),
            active_rules=cast(Any, None),
        )
        return GapFilling(zone, self.accept, weekend=frozenset())


@settings(max_examples=30, deadline=None)
@given(
    readings=st.dictionaries(
        st.tuples(st.sampled_from(METERS), st.integers(0, HOURS - 1)),
        st.integers(0, 500),
        min_size=1,
        max_size=60,
    ),
    data=st.data(),
)
def test_a_value_that_was_metered_counts(
    readings: dict[tuple[str, int], int], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(readings)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    pieces = [
        {one: readings[one] for one in order[begin:end]}
        for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True)
    ]
    meanwhile = [data.draw(st.booleans()) for _ in pieces]
    zone = StoredZone(*METERS)

    async def carried_out() -> None:
        validator = zone.validator(FILLS)
        validator.fill_with(zone.filling())
        for piece, while_filling in zip(pieces, meanwhile, strict=True):
            if while_filling:
                zone.relay(zone.before_accept)
                zone.before_accept = piece
            else:
                zone.relay(piece)
            while await validator.turn():
                pass
        zone.relay(zone.before_accept)
        zone.before_accept = {}
        while await validator.turn():
            pass

    asyncio.run(carried_out())
    keys = [BlockKey(meter, REGISTER, DAY + day, HOUR_S) for meter in METERS for day in range(2)]
    blocks = asyncio.run(zone.store.read(keys))

    for (meter, hour), value in readings.items():
        slot = blocks[BlockKey(meter, REGISTER, DAY + hour // 24, HOUR_S)][hour % 24]
        assert (slot["final"], slot["raw"], slot["quality"]) == (value, value, 0)
    for key, slots in blocks.items():
        for at in np.flatnonzero(slots["flags"]).tolist():
            if (key.meter_id, (key.day - DAY) * 24 + at) not in readings:
                assert CLASS_OF_QUALITY[slots["quality"][at]] == QualityClass.ESTIMATED


def test_a_gap_is_filled_at_all() -> None:
    zone = StoredZone(*METERS)

    async def carried_out() -> None:
        validator = zone.validator(FILLS)
        validator.fill_with(zone.filling())
        zone.relay({("A", 0): 100, ("A", 3): 130} | {("B", hour): 100 + hour for hour in range(9)})
        while await validator.turn():
            pass

    asyncio.run(carried_out())
    key = BlockKey("A", REGISTER, DAY, HOUR_S)
    slots = asyncio.run(zone.store.read([key]))[key]

    assert slots["final"][:4].tolist() == [100, 110, 120, 130]
    assert slots["quality"][:4].tolist() == [0, 9, 9, 0]
