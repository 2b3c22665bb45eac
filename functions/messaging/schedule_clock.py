"""Fires what is due: once an instant, also over restarts; of several missed ones the last."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from functions.messaging.cron import ScheduleRefused, latest_due, next_due
from functions.messaging.deployments import Deployed, Deployments, bounds_of, retrying_of
from functions.messaging.firing_zone import fires_here
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.settings import MessagingSettings
from storage.hot.connection import CommandRefused
from storage.hot.queues.record import Origin, QueueFull, Request
from storage.hot.queues.schedules import Schedules
from storage.platform.functions.spec import Schedule
from storage.ports import StoreFull, StoreUnavailable

STORE_ERRORS: Final = (StoreUnavailable, StoreFull, CommandRefused)

logger = logging.getLogger(__name__)


class ScheduleClock:
    """`queued` is called with a tenant whose queue has a new call."""

    def __init__(
        self,
        *,
        tier: int,
        schedules: Schedules,
        deployments: Deployments,
        settings: MessagingSettings,
        metrics: MessagingMetrics,
        queued: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tier = tier
        self._schedules = schedules
        self._deployments = deployments
        self._settings = settings
        self._metrics = metrics
        self._queued = queued
        self._now = now
        self._complained: set[tuple[str, str]] = set()
        self._strange_since: dict[tuple[str, str], float] = {}
        self._known: dict[str, dict[str, int]] = {}
        self._next: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Fire until cancelled."""
        while True:
            try:
                if self._deployments.heard:
                    await self.look()
            except STORE_ERRORS as error:
                logger.warning("schedules wait for the store: %s", error)
                self._known.clear()
            except Exception:
                # The edge of this task: what was not marked as fired is due again.
                logger.exception("looking at schedules failed")
                self._known.clear()
            await asyncio.sleep(self._settings.schedules_every_s)

    async def look(self) -> None:
        """Fire what is due now."""
        wanted: dict[str, set[str]] = {tenant: set() for tenant in self._deployments.tenants}
        for one, trigger in self._triggers():
            name = schedule_name(one.name, trigger)
            wanted.setdefault(one.tenant, set()).add(name)
            try:
                await self._look_at(one, trigger, name)
            except ScheduleRefused as error:
                if (one.tenant, name) not in self._complained:
                    self._complained.add((one.tenant, name))
                    logger.warning("%s of %s is never due: %s", one.name, one.tenant, error)
            except QueueFull as full:
                self._metrics.refused(one.tenant, full.limit)
        for tenant, names in wanted.items():
            await self._forget_others(tenant, names)

    def _triggers(self) -> Iterator[tuple[Deployed, Schedule]]:
        for (tenant, _), one in self._deployments.functions.items():
            served = self._deployments.tenants.get(tenant)
            tiers = None if served is None else served.tiers
            if fires_here(tier=self._tier, function_tiers=one.spec.tiers, tenant_tiers=tiers):
                yield from ((one, t) for t in one.spec.triggers if isinstance(t, Schedule))

    async def _look_at(self, one: Deployed, trigger: Schedule, name: str) -> None:
        now = self._now()
        if now < self._next.get((one.tenant, name), now):
            return
        last_s = (await self._marks(one.tenant)).get(name)
        if last_s is None:
            # Also a refused one: it is told apart before it is remembered.
            following = next_due(cron=trigger.cron, time_zone=trigger.time_zone, after=now)
            await self._schedules.begin(one.tenant, name, at_s=int(now.timestamp()))
            self._known.pop(one.tenant, None)
            self._next[one.tenant, name] = following
            return
        due = latest_due(
            cron=trigger.cron,
            time_zone=trigger.time_zone,
            after=datetime.fromtimestamp(last_s, UTC),
            now=now,
        )
        if due is None:
            # Looked for once: of a schedule of every year that is a long way.
            self._next[one.tenant, name] = next_due(
                cron=trigger.cron, time_zone=trigger.time_zone, after=now
            )
            return
        self._known.pop(one.tenant, None)
        fired = await self._schedules.fire(
            one.tenant,
            name,
            at_s=int(due.timestamp()),
            request=Request(
                function=one.name,
                content_type="application/json",
                body=msgspec.json.encode(trigger.body),
            ),
            scheduled=due.strftime("%Y-%m-%dT%H:%M:%SZ"),
            retrying=retrying_of(one.spec),
            bounds=bounds_of(one.spec, tenant_bytes=self._settings.tenant_bytes),
        )
        if fired is not None:
            self._metrics.fired(one.tenant, one.name)
            self._metrics.accepted(one.tenant, one.name, Origin.SCHEDULE.value)
            self._queued(one.tenant)

    async def _marks(self, tenant: str) -> dict[str, int]:
        held = self._known.get(tenant)
        if held is None:
            held = self._known[tenant] = await self._schedules.known(tenant)
        return held

    async def _forget_others(self, tenant: str, names: set[str]) -> None:
        """A schedule that was taken away, and comes again one day, begins anew."""
        now_s = time.monotonic()
        for name in (await self._marks(tenant)).keys() - names:
            key = tenant, name
            since_s = self._strange_since.setdefault(key, now_s)
            if now_s - since_s >= self._settings.forget_after_s:
                await self._schedules.forget(tenant, name)
                self._known.pop(tenant, None)
                self._next.pop(key, None)
                del self._strange_since[key]
        for key in [key for key in self._strange_since if key[0] == tenant and key[1] in names]:
            del self._strange_since[key]


def schedule_name(function: str, trigger: Schedule) -> str:
    """Name a schedule: by function, expression and zone, whatever version has it."""
    return f"{function}|{' '.join(trigger.cron.split())}|{trigger.time_zone or 'UTC'}"
