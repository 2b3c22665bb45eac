"""A hot store under test, in memory or in a real Redis with a tenant's own credentials."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from storage.memory import MemoryHotStore
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.payload import Batch
from storage.model.uplink import UplinkEntry
from storage.ports import HotStore, Outcome
from tests.contract.hot_readings import Run, batch_of

EDGE = "zone-3a"
EPOCH = 17
"""Bytes of an edge's epoch with its mark."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A store, and what it queued for the parent."""

    store: HotStore
    queued: Callable[[], Awaitable[list[UplinkEntry]]]

    async def accept(self, *runs: Run) -> list[Outcome]:
        return await self.outcomes(batch_of(*runs))

    async def outcomes(self, batch: Batch) -> list[Outcome]:
        acceptance = await self.store.accept(batch)
        return [Outcome(code) for code in acceptance.outcomes.tolist()]

    async def slots(self, key: BlockKey) -> np.ndarray:
        return (await self.store.read([key]))[key]

    async def events(self, key: EventKey) -> np.ndarray:
        return (await self.store.read_events([key]))[key]


NewSubject = Callable[..., Awaitable[Subject]]


async def in_memory(*, limit: int = 1 << 30) -> Subject:
    store = MemoryHotStore(zone=EDGE, uplink_limit_bytes=limit)

    async def queued() -> list[UplinkEntry]:
        return list(store.uplink)

    return Subject(store, queued)
