"""The whole first hop over a store in memory, and short forms of what it answers."""

import numpy as np

from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.service import Ingest
from functions.mdms.technical_validation import TechnicalValidation
from storage.memory import MemoryHotStore
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from tests.unit.functions.mdms.bodies import DAY, IMPORT, NOW, meter
from tests.unit.functions.mdms.memory_registry import MemoryRegistry


class Hop:
    """An ingest with everything it stands on."""

    def __init__(
        self, *, uplink_limit_bytes: int = 1 << 20, store: MemoryHotStore | None = None
    ) -> None:
        self.now = 0.0
        self.store = store or MemoryHotStore(uplink_limit_bytes=uplink_limit_bytes)
        self.registry = MemoryRegistry(meter("A"), meter("B"), meter("C"))
        self.ingest = Ingest(
            store=self.store,
            registry=RegistryCache(self.registry, check_s=1.0, clock=lambda: self.now),
            validation=TechnicalValidation(),
            max_readings=100_000,
            clock=lambda: NOW,
        )

    async def stored(self, meter_id: str, day: int = DAY) -> dict[int, int]:
        """Final values of a block by slot."""
        key = BlockKey(meter_id, IMPORT, day, 900)
        slots = (await self.store.read([key])).get(key, np.zeros(0, dtype=[("flags", "u1")]))
        return {int(at): int(slots["final"][at]) for at in np.flatnonzero(slots["flags"])}

    async def events(self, meter_id: str, *, interval_s: int = 0, day: int = DAY) -> dict[int, int]:
        """Final values of an event block by second of the day."""
        key = EventKey(meter_id, IMPORT, day, interval_s)
        found = (await self.store.read_events([key])).get(key)
        if found is None:
            return {}
        return dict(zip(found["at"].tolist(), found["final"].tolist(), strict=True))


def counts(answer: ReadingsAnswer | SeriesAnswer) -> tuple[int, int, int, int]:
    return answer.accepted, answer.duplicate, answer.corrected, answer.rejected


def runs_of(series: SeriesAnswer) -> list[tuple[int, int, str, str | None]]:
    return [(one.first, one.count, one.outcome, one.reason) for one in series.outcomes]


def runs(answer: ReadingsAnswer | SeriesAnswer) -> list[list[tuple[int, int, str, str | None]]]:
    assert isinstance(answer, ReadingsAnswer)
    return [runs_of(series) for series in answer.series]
