"""Store and forward: an entry leaves the zone's store only once the parent has it durably."""

import asyncio
import contextlib
import dataclasses
import logging
import random
import time
from collections.abc import Sequence
from typing import Final

from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.body_packing import BodyPacking
from functions.traffic_scheduling.flow import Flow
from functions.traffic_scheduling.link import CallRefused, Link, LinkDown
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.schedule import Schedule
from functions.traffic_scheduling.settings import LinkSettings
from functions.traffic_scheduling.store_clock import StoreClock
from storage.hot.uplink import FROM_START, NEWEST, Pending, Uplink
from storage.model.traffic import INTERVALS
from storage.ports import StoreUnavailable

WATCH_S: Final = 0.1
WATCH_ALL_S: Final = 1.0
"""While every queue is watched none can come to be without that anybody notices."""
PAUSE_S: Final = 0.05
UNFORESEEN_S: Final = 1.0
LOOK_AGAIN_S: Final = 5.0

logger = logging.getLogger(__name__)


class Forwarder:
    """A few lanes share the link, and one more is kept for what is urgent."""

    def __init__(
        self,
        *,
        uplink: Uplink,
        link: Link,
        schedule: Schedule,
        settings: LinkSettings,
        metrics: LinkMetrics,
    ) -> None:
        self._uplink = uplink
        self._link = link
        self._schedule = schedule
        self._settings = settings
        self._metrics = metrics
        self._clock = StoreClock(uplink.now_ms)
        self._packing = BodyPacking(capped=schedule.cap.bits_per_s is not None)
        self._changed = [asyncio.Event() for _ in range(settings.lanes + 1)]

    async def run(self) -> None:
        """Watch and forward until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="watch the uplinks")
            for lane, changed in enumerate(self._changed):
                group.create_task(
                    self._lane(changed, urgent_only=lane == 0), name=f"uplink lane {lane}"
                )

    async def _watch(self) -> None:
        while True:
            idle = self._schedule.idle()
            if not idle:
                await asyncio.sleep(PAUSE_S)
                continue
            timeout_s = WATCH_ALL_S if len(idle) == self._schedule.places else WATCH_S
            try:
                arrived = await self._uplink.wait(idle, timeout_s=timeout_s)
            except StoreUnavailable as error:
                logger.warning("the uplinks cannot be watched: %s", error)
                await asyncio.sleep(UNFORESEEN_S)
                continue
            except Exception:
                # The edge of this task: without it the zone would stop forwarding in silence.
                logger.exception("watching the uplinks failed")
                await asyncio.sleep(UNFORESEEN_S)
                continue
            if arrived:
                self._schedule.arrived(arrived, now_s=time.monotonic())
                self._wake()

    async def _lane(self, changed: asyncio.Event, *, urgent_only: bool) -> None:
        while True:
            flow = await self._next(changed, urgent_only=urgent_only)
            try:
                await self._forward(flow)
            except LinkDown as error:
                self._link_failed(flow, error)
            except CallRefused as error:
                self._refused(flow, error, retry_after_s=error.retry_after_s)
            except StoreUnavailable as error:
                self._refused(flow, error)
            except Exception as error:
                # The edge of this task: nothing was trimmed, so the batch is only sent again.
                logger.exception("forwarding for %s failed", flow.tenant)
                self._refused(flow, error, retry_after_s=UNFORESEEN_S)
            self._wake()

    async def _next(self, changed: asyncio.Event, *, urgent_only: bool) -> Flow:
        while True:
            changed.clear()
            now_s = time.monotonic()
            flow = self._schedule.take(now_s=now_s, urgent_only=urgent_only)
            if flow is not None:
                return flow
            due_s = self._schedule.next_due_s(urgent_only=urgent_only)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(due_s - now_s, UNFORESEEN_S)):
                    await changed.wait()

    async def _forward(self, flow: Flow) -> None:
        schedule, limits = self._schedule, self._batching()
        pair = schedule.queue_of(flow)
        cut = pair.cut
        waiting = await self._uplink.pending(
            flow.tenant,
            flow.queue,
            after=FROM_START if flow.backlog or cut is None else cut,
            up_to=NEWEST if not flow.backlog or cut is None else cut,
            max_bytes=limits.max_bytes,
            max_entries=limits.max_entries,
        )
        if not waiting:
            if flow.backlog:
                schedule.backlog_is_empty(flow)
            else:
                schedule.nothing_waits(flow)
            return
        waiting, held_s = await self._cooled(flow, waiting)
        if not waiting:
            schedule.holds(flow, until_s=time.monotonic() + held_s)
            return
        lazy = is_lazy(flow, self._settings)
        if not lazy and not flow.backlog and pair.any_order and await self._is_old(waiting[0]):
            at = await self._uplink.last_id(flow.tenant, flow.queue)
            logger.info("%s of %s is a backlog up to %s", flow.queue, flow.tenant, at)
            schedule.cut_off(flow, at=at, now_s=time.monotonic())
            return
        overtakes = not flow.backlog and cut is not None
        # What replaces a value must not come before the value.
        batch = [one for one in waiting if not (overtakes and one.replaces)]
        durable = await self._send(flow, batch) if batch else []
        if overtakes:
            await self._uplink.drop(flow.tenant, flow.queue, ids=[one.id for one in durable])
            done = durable[-1].id if len(durable) < len(batch) else waiting[-1].id
            schedule.left_behind(flow, up_to=done, now_s=time.monotonic())
        else:
            await self._uplink.acknowledge(flow.tenant, durable[-1].id, flow.queue)
        full = limits.is_full([len(one.entry.payload) for one in waiting])
        if flow.failures:
            logger.info("%s is forwarded again after %d failures", flow.tenant, flow.failures)
        schedule.sent(flow, full=full or len(durable) < len(batch), now_s=time.monotonic())

    async def _send(self, flow: Flow, batch: Sequence[Pending]) -> Sequence[Pending]:
        """Send a batch; return those from its beginning that the parent has, at least one."""
        packed = self._packing.pack(batch)
        post = self._link.entries(flow.tenant, flow.queue, packed.body)
        self._schedule.sends(flow, size=post.size, now_s=time.monotonic())
        self._wake()
        answer = await self._link.post(post)
        if not 0 < answer.acknowledged <= len(batch):
            raise CallRefused(
                f"the parent acknowledged {answer.acknowledged} of {len(batch)} entries",
                status=None,
                retry_after_s=0.0,
            )
        taken = batch[: answer.acknowledged]
        self._schedule.queue_of(flow).any_order = answer.any_order
        now_ms = await self._clock.now_ms()
        self._metrics.forwarded(
            flow,
            ages_s=[max(0.0, now_ms - one.born_ms) / 1e3 for one in taken],
            deadline_s=self._schedule.rules[flow.queue.traffic_class].deadline_s,
            size=len(packed.body),
            saved=packed.saved,
        )
        return taken

    async def _cooled(self, flow: Flow, waiting: list[Pending]) -> tuple[list[Pending], float]:
        """What may go of what waits, and how long the rest stays at least."""
        if not is_lazy(flow, self._settings):
            return waiting, 0.0
        born_ms = await self._clock.now_ms() - self._settings.lazy_after_s * 1e3
        cooled = [one for one in waiting if one.born_ms <= born_ms]
        if cooled:
            return cooled, 0.0
        if (await self._uplink.backlog(flow.tenant, flow.queue)).bytes > self._settings.lazy_bytes:
            return waiting, 0.0
        # Looked at again in between: the bytes may pass their bound before the time comes.
        return [], min((waiting[0].born_ms - born_ms) / 1e3, LOOK_AGAIN_S)

    def _batching(self) -> Batching:
        cap, limits = self._schedule.cap, self._schedule.batching
        most = cap.batch_bytes(limits.max_bytes, hold_s=self._settings.batch_hold_s)
        return dataclasses.replace(limits, max_bytes=most)

    async def _is_old(self, oldest: Pending) -> bool:
        age_ms = await self._clock.now_ms() - oldest.born_ms
        return age_ms > self._settings.backlog_after_s * 1e3

    def _wake(self) -> None:
        for changed in self._changed:
            changed.set()

    def _refused(self, flow: Flow, error: Exception, *, retry_after_s: float = 0.0) -> None:
        self._metrics.failed(flow.tenant, "refused")
        logger.warning("%s of %s waits: %s", flow.queue, flow.tenant, error)
        self._schedule.refused(
            flow,
            str(error),
            now_s=time.monotonic(),
            spread=random.random(),
            retry_after_s=retry_after_s,
        )

    def _link_failed(self, flow: Flow, error: LinkDown) -> None:
        self._metrics.failed(flow.tenant, "link")
        if self._schedule.link_error is None:
            logger.warning("the link to the parent is down: %s", error)
        self._schedule.link_failed(flow, str(error), now_s=time.monotonic(), spread=random.random())


def is_lazy(flow: Flow, settings: LinkSettings) -> bool:
    """Whether what waits in a flow stays in this zone until it has cooled."""
    return settings.replication == "lazy" and flow.queue == INTERVALS
