"""Watching a running lab: memory of every process, entries in every queue, processor time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import psutil
import redis

from deploy.benchmarks.nation_figures import Sample
from deploy.benchmarks.whole_way import ANSWER_S, TENANT, WholeWay
from deploy.lab.topology import hot_zones
from storage.cold.walls import tenant_role

EVERY_S: Final = 5.0


def private_bytes(whole: WholeWay) -> dict[str, int]:
    """Resident memory of each group of processes that is of no file and shared with nobody else's.

    PostgreSQL's buffers, which all its processes show as their own, are not in it.
    """
    found: dict[str, int] = {}
    for group, processes in whole.processes().items():
        for one in processes:
            try:
                memory = one.memory_info()
            except psutil.Error:
                continue
            found[group] = found.get(group, 0) + max(0, memory.rss - memory.shared)
    return found


def cpu_of_groups(whole: WholeWay) -> dict[str, float]:
    """Seconds that each group has used, with those of its children that have ended."""
    found: dict[str, float] = {}
    for group, processes in whole.processes().items():
        for one in processes:
            try:
                spent = one.cpu_times()
            except psutil.Error:
                continue
            own = spent.user + spent.system + spent.children_user + spent.children_system
            found[group] = found.get(group, 0.0) + own
    return found


def used_bytes(stores: Mapping[str, "redis.Redis"]) -> dict[str, int]:
    """What each zone's hot store says that it uses."""
    return {zone: int(store.info("memory")["used_memory"]) for zone, store in stores.items()}


def store_groups(whole: WholeWay) -> dict[str, str]:
    """The groups of processes that are hot stores, with their zones."""
    return {f"valkey-{zone.name}": zone.name for zone in hot_zones(whole.lab.topology)}


class NationWatch:
    """Takes a sample every `EVERY_S`; `answered` tells the readings acknowledged so far."""

    def __init__(self, whole: WholeWay, *, answered: Callable[[], int], every_s: float) -> None:
        self.samples: list[Sample] = []
        self._whole = whole
        self._answered = answered
        self._every_s = every_s
        self._began = time.monotonic()

    async def run(self, tail: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Sample until cancelled; `tail` is a connection to the record."""
        query = f"SELECT coalesce(sum(entries), 0) FROM {tenant_role(TENANT)}.tail"
        while True:
            waiting = int(await tail.fetchval(query, timeout=ANSWER_S))
            try:
                self.samples.append(await asyncio.to_thread(self._sample, waiting))
            except psutil.Error:
                # A process ended while it was looked at: the next sample is of those that are.
                continue
            await asyncio.sleep(self._every_s)

    def _sample(self, tail: int) -> Sample:
        queues = self._whole.waiting() | {f"tail-{self._whole.headquarters}": tail}
        return Sample(
            at_s=round(time.monotonic() - self._began, 2),
            memory=private_bytes(self._whole),
            stores=used_bytes(self._whole.hot),
            queues=queues,
            answered=self._answered(),
        )


@asynccontextmanager
async def watching(
    whole: WholeWay, *, answered: Callable[[], int], every_s: float = EVERY_S
) -> AsyncIterator[NationWatch]:
    """Sample for the length of the block.

    Raises:
        MeasurementFailed: a process of the lab has died.
    """
    watch = NationWatch(whole, answered=answered, every_s=every_s)
    tail = await asyncpg.connect(whole.lab.stores.database_url, timeout=ANSWER_S)
    running = asyncio.create_task(watch.run(tail))
    try:
        yield watch
    finally:
        running.cancel()
        ended = await asyncio.gather(running, return_exceptions=True)
        await tail.close(timeout=ANSWER_S)
    for error in ended:
        if isinstance(error, Exception):
            raise error
