"""A zone's values, queue and findings in memory, for trying validation in many orders."""

from collections.abc import AsyncIterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from functions.mdms.metrics import MdmsMetrics
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.validator import Validator
from storage.hot.validation import ValidationState, Waiting
from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.event_block import EventKey
from storage.model.findings import FindingBatch
from storage.model.meter import Meter
from storage.model.rule_groups import ActiveRules, RuleGroup
from storage.model.runs import DAY_S, RunBatch
from storage.ports import StoreUnavailable
from tests.unit.functions.mdms.memory_registry import MemoryRegistry

REGISTER = "1-0:1.8.0"
HOUR_S = 3_600
DAY = 20_000


class MemoryZone:
    """Takes hourly readings of a register, and is the queue, the cells and the registry."""

    def __init__(self, *meters: str) -> None:
        self.slots: dict[tuple[str, int], NDArray[np.void]] = {}
        self.entries: list[Waiting] = []
        self.held: dict[str, bytes] = {}
        self.looks: dict[str, bytes] = {}
        self.told: list[FindingBatch] = []
        self.generation = self.newest_s = self.count = 0
        self.lose_answers = self.lose_calls = False
        self.dropped = -1
        self.swept_a_turn = 0
        self.registry = MemoryRegistry(
            *(
                Meter(meter_id=name, registers=(REGISTER,), interval_s=HOUR_S, version=at)
                for at, name in enumerate(meters, start=1)
            )
        )
        # Of more meters than this a worker remembers some only.
        self.most_held = 200_000

    def relay(self, readings: Mapping[tuple[str, int], int], *, quality: int = 0) -> None:
        """Store values by meter and hour since `DAY` began, and queue them in one batch."""
        names = sorted({meter for meter, _ in readings})
        order = sorted(readings)
        if not order:
            return
        hours = np.array([hour for _, hour in order], dtype=np.int64)
        batch = RunBatch(
            meters=names,
            registers=[REGISTER],
            run_meter=np.array([names.index(meter) for meter, _ in order], dtype=np.int32),
            run_register=np.zeros(len(order), dtype=np.uint8),
            run_interval_s=np.full(len(order), HOUR_S, dtype=np.int32),
            run_start=DAY * DAY_S + hours * HOUR_S,
            run_length=np.ones(len(order), dtype=np.int32),
            values=np.array([readings[one] for one in order], dtype=np.int32),
            quality=np.full(len(order), quality, dtype=np.uint8),
        )
        for meter, hour in order:
            slots = self.slots.setdefault((meter, DAY + hour // 24), np.zeros(24, dtype=SLOT))
            value = readings[meter, hour]
            slots[hour % 24] = (value, value, quality, PRESENT | HAS_RAW, 0)
        self.count += 1
        self.entries.append(Waiting(f"{self.count}-0", b"", batch.encode()))

    async def read_cells(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.void]:
        nothing = np.zeros(24, dtype=SLOT)
        rows = [self.slots.get((meter, day), nothing)[slots.start : slots.stop] for meter in meters]
        return np.stack(rows)

    async def ever_stored(self, meters: Sequence[str], *, register: str) -> NDArray[np.bool_]:
        known = {meter for meter, _ in self.slots}
        return np.array([meter in known for meter in meters])

    async def read_presence(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.bool_]:
        cells = await self.read_cells(
            meters, register=register, day=day, interval_s=interval_s, slots=slots
        )
        return (cells["flags"] & PRESENT) != 0

    async def dropped_through(self) -> int:
        return self.dropped

    async def waiting(self, *, max_bytes: int) -> list[Waiting]:
        found, room = self.entries[:1], max_bytes - sum(one.size for one in self.entries[:1])
        for one in self.entries[1:3]:
            room -= one.size
            if room >= 0:
                found.append(one)
        return found

    async def state(self) -> ValidationState:
        return ValidationState(self.generation, self.newest_s)

    async def settle(
        self,
        state: ValidationState,
        *,
        newest_s: int,
        done: Sequence[Waiting],
        payload: bytes,
        findings: Mapping[str, bytes],
        looks: Mapping[str, bytes],
    ) -> ValidationState | None:
        if self.lose_calls:
            raise StoreUnavailable("the call is lost")
        if state.generation != self.generation:
            return None
        self.entries = self.entries[len(done) :]
        self.generation += 1
        self.newest_s = newest_s
        for held, changed in ((self.held, findings), (self.looks, looks)):
            for name, record in changed.items():
                held[name] = record
                if not record:
                    del held[name]
        if payload:
            self.told.append(FindingBatch.decode(payload))
        if self.lose_answers:
            raise StoreUnavailable("the answer is lost")
        return ValidationState(self.generation, newest_s)

    async def read_instants(self, *, most: int) -> dict[tuple[str, str], int] | None:
        return {}

    async def instants_of(self, series: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        raise AssertionError("no register read was relayed")

    async def note_reads(self, newest: Mapping[tuple[str, str], int]) -> None:
        raise AssertionError("no register read was relayed")

    async def read_events(self, keys: Sequence[EventKey]) -> dict[EventKey, NDArray[np.void]]:
        return {}

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        return {}

    async def backlog(self) -> tuple[int, int]:
        return len(self.entries), sum(one.size for one in self.entries)

    async def findings(self, names: Sequence[str]) -> dict[str, bytes]:
        return {name: self.held[name] for name in names if name in self.held}

    async def looks_of(self, names: Sequence[str]) -> dict[str, bytes]:
        return {name: self.looks[name] for name in names if name in self.looks}

    async def all_looks(self) -> AsyncIterator[tuple[str, bytes]]:
        for name, record in list(self.looks.items()):
            yield name, record

    async def all_findings(self) -> AsyncIterator[tuple[str, bytes]]:
        for name, record in list(self.held.items()):
            yield name, record

    def cache(self) -> RegistryCache:
        """A new worker's view of the registry."""
        return RegistryCache(self.registry, check_s=1_000, most=self.most_held)

    def validator(self, *groups: RuleGroup) -> Validator:
        """A new worker's, which looks for gaps in every turn."""

        async def active() -> ActiveRules:
            return ActiveRules(version=1, groups=groups)

        return Validator(
            queue=self,
            cells=self,
            registry=self.cache(),
            active_rules=active,
            zone="zone-2",
            metrics=MdmsMetrics(tenant="acme", zone="zone-2"),
            rest_s=1,
            sweep_s=0,
            dropped_through=self.dropped_through,
            sweep_turn_s=0 if self.swept_a_turn else 60,
            swept_at_once=self.swept_a_turn or 2_000,
        )

    def exceptions(self) -> dict[tuple[str, int, int, str], int]:
        """What headquarters has open by what it was told: slots by meter, day, slot and rule."""
        open_now: dict[tuple[str, int, int, str], int] = {}
        for batch in self.told:
            for gone in batch.withdrawn:
                del open_now[gone.meter_id, gone.day, gone.first_slot, gone.rule]
            for one in batch.found:
                open_now[one.meter_id, one.day, one.first_slot, one.rule] = one.count
        return open_now
