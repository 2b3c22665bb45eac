"""Store and forward: an entry leaves the zone's store only once the parent has it durably."""

import asyncio
import contextlib
import logging
import random
import time
from typing import Final

import zstandard

from functions.traffic_scheduling.lanes import TenantUplink, Uplinks
from functions.traffic_scheduling.link import CallRefused, Link, LinkDown
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.settings import LinkSettings
from storage.hot.uplink import Uplink
from storage.model.uplink import encode_entries
from storage.ports import StoreUnavailable

WATCH_S: Final = 0.1
PAUSE_S: Final = 0.05
UNFORESEEN_S: Final = 1.0
ZSTD_LEVEL: Final = 3

logger = logging.getLogger(__name__)


class Forwarder:
    """A few lanes share the link; a tenant is in one lane at a time, so its order is kept."""

    def __init__(
        self,
        *,
        uplink: Uplink,
        link: Link,
        uplinks: Uplinks,
        settings: LinkSettings,
        metrics: LinkMetrics,
    ) -> None:
        self._uplink = uplink
        self._link = link
        self._uplinks = uplinks
        self._settings = settings
        self._metrics = metrics
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Watch and forward until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="watch the uplinks")
            for lane in range(self._settings.lanes):
                group.create_task(self._lane(), name=f"uplink lane {lane}")

    async def _watch(self) -> None:
        while True:
            idle = self._uplinks.idle()
            if not idle:
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                arrived = await self._uplink.wait(idle, timeout_s=WATCH_S)
            except StoreUnavailable as error:
                logger.warning("the uplinks cannot be watched: %s", error)
                await asyncio.sleep(UNFORESEEN_S)
                continue
            except Exception:
                # The edge of this task: without it the zone would stop forwarding in silence.
                logger.exception("watching the uplinks failed")
                await asyncio.sleep(UNFORESEEN_S)
                continue
            self._uplinks.arrived(arrived, now_s=time.monotonic())
            self._changed.set()

    async def _lane(self) -> None:
        while True:
            one = await self._next()
            try:
                await self._forward(one)
            except LinkDown as error:
                self._link_failed(one, error)
            except CallRefused as error:
                self._refused(one, error, retry_after_s=error.retry_after_s)
            except StoreUnavailable as error:
                self._refused(one, error)
            except Exception as error:
                # The edge of this task: nothing was trimmed, so the batch is only sent again.
                logger.exception("forwarding for %s failed", one.slug)
                self._refused(one, error, retry_after_s=UNFORESEEN_S)
            self._changed.set()

    async def _next(self) -> TenantUplink:
        while True:
            now_s = time.monotonic()
            one = self._uplinks.take(now_s=now_s)
            if one is not None:
                return one
            wait_s = min(self._uplinks.next_due_s() - now_s, UNFORESEEN_S)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _forward(self, one: TenantUplink) -> None:
        waiting = await self._uplink.pending(
            one.slug,
            max_bytes=self._settings.batch_bytes,
            max_entries=self._settings.batch_entries,
        )
        if not waiting:
            self._uplinks.nothing_waits(one)
            return
        body = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(
            encode_entries([entry for _, entry in waiting])
        )
        durable = await self._link.post_entries(one.slug, body)
        if not 0 < durable <= len(waiting):
            raise CallRefused(
                f"the parent acknowledged {durable} of {len(waiting)} entries",
                status=None,
                retry_after_s=0.0,
            )
        up_to = waiting[durable - 1][0]
        await self._uplink.acknowledge(one.slug, up_to)
        sizes = [len(entry.payload) for _, entry in waiting]
        self._metrics.forwarded(one.slug, entries=durable, size=len(body))
        if one.failures:
            logger.info("%s is forwarded again after %d failures", one.slug, one.failures)
        self._uplinks.sent(one, up_to=up_to, sizes=sizes, now_s=time.monotonic())

    def _refused(self, one: TenantUplink, error: Exception, *, retry_after_s: float = 0.0) -> None:
        self._metrics.failed(one.slug, "refused")
        logger.warning("the uplink of %s waits: %s", one.slug, error)
        self._uplinks.refused(
            one,
            str(error),
            now_s=time.monotonic(),
            spread=random.random(),
            retry_after_s=retry_after_s,
        )

    def _link_failed(self, one: TenantUplink, error: LinkDown) -> None:
        self._metrics.failed(one.slug, "link")
        if self._uplinks.link_error is None:
            logger.warning("the link to the parent is down: %s", error)
        self._uplinks.link_failed(one, str(error), now_s=time.monotonic(), spread=random.random())
