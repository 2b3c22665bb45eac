"""Writes down, once an hour, how many bytes each tenant has in the zone's store: for the bill."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from storage.platform.ledger.record import SAMPLE_PERIOD_S, StorageSample
from storage.platform.ledger.segment import SUFFIX, frame
from zones.agent.store_figures import ASKING_FAILURES, Measure

LOOK_EVERY_S: Final = 20.0
ANSWER_S: Final = 15.0

logger = logging.getLogger(__name__)


class StorageSampler:
    """Adds samples to the zone's ledger, each hour's in a segment of its own.

    Which hours are done is not kept: after a restart an hour may be sampled again, and the bill
    counts the first. An hour in which the store never answered is not billed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        zone: str,
        store: str,
        measure: Measure,
        tenants: Callable[[], Collection[str] | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`store` is hot or cold, `now` gives seconds since 1970."""
        self._folder = folder
        self._zone = zone
        self._store = store
        self._measure = measure
        self._tenants = tenants
        self._now = now
        self._done = -1

    async def run(self) -> None:
        """Sample for ever; cancel to stop."""
        while True:
            try:
                await self.sample()
            except ASKING_FAILURES as error:
                logger.warning("the tenants' storage is not sampled: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def sample(self) -> bool:
        """Sample if this hour is not done; True if it was.

        Raises:
            OSError: the segment cannot be written; and whatever the store's failures are.
        """
        at_s = self._now()
        hour = int(at_s) // SAMPLE_PERIOD_S
        tenants = self._tenants()
        if not tenants or hour == self._done:
            return False
        async with asyncio.timeout(ANSWER_S):
            sizes = await self._measure(tenants)
        frames = b"".join(
            frame(
                StorageSample(
                    at_us=int(at_s * 1e6),
                    tenant=tenant,
                    zone=self._zone,
                    store=self._store,
                    bytes=size,
                )
            )
            for tenant, size in sorted(sizes.items())
            if size > 0
        )
        if frames:
            await asyncio.to_thread(self._write, frames)
        self._done = hour
        return True

    def _write(self, frames: bytes) -> None:
        """Put a whole segment in place at once: unlocked, so the shipper takes it as finished."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        unfinished = f".{self._store}-sampled"
        for left in self._folder.glob(f"*{unfinished}"):
            left.unlink()
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._store}{SUFFIX}"
        unnamed = self._folder / f"{name}{unfinished}"
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(frames)
            file.flush()
            os.fsync(file.fileno())
        unnamed.rename(self._folder / name)
        opened = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
