"""Pulling each tenant's registry, and its edits, down from the parent, until caught up."""

import asyncio
import contextlib
import logging
import time
from typing import Final

import httpx

from functions.traffic_scheduling.edit_pull import EditPull
from functions.traffic_scheduling.link import CallRefused, Link, LinkDown
from functions.traffic_scheduling.link_messages import RegistryPage, RegistryStep
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.schedule import Schedule
from functions.traffic_scheduling.settings import LinkSettings
from storage.model.meter import RegistryPosition

AT_ONCE: Final = 4

logger = logging.getLogger(__name__)


class RegistryPull:
    """Remembers how far the own zone has come, and asks for it again after any failure."""

    def __init__(
        self, *, link: Link, schedule: Schedule, settings: LinkSettings, metrics: LinkMetrics
    ) -> None:
        self._link = link
        self._schedule = schedule
        self._settings = settings
        self._metrics = metrics
        self._edits = EditPull(link=link, settings=settings, metrics=metrics)
        self._held: dict[str, RegistryPosition] = {}
        self._errors: dict[str, str] = {}
        self._quiet: dict[str, int] = {}
        self._next_s: dict[str, float] = {}
        self._limit: dict[str, int] = {}

    async def run(self) -> None:
        """Pull until cancelled: every `registry_every_s`, less often while nothing changes."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def pull(tenant: str) -> None:
            async with slots:
                await self._pull(tenant)

        while True:
            served = [one.tenant for one in self._schedule.tenants if not one.leaving]
            self._quiet = {slug: quiet for slug, quiet in self._quiet.items() if slug in served}
            now_s = time.monotonic()
            due = [slug for slug in served if self._next_s.get(slug, now_s) <= now_s]
            await asyncio.gather(*(pull(slug) for slug in due))
            for slug in due:
                self._next_s[slug] = now_s + self._pause_s(self._quiet.get(slug, 0))
            await asyncio.sleep(self._settings.registry_every_s)

    def _pause_s(self, quiet: int) -> float:
        every_s, idle_s = self._settings.registry_every_s, self._settings.registry_idle_s
        # The loop itself waits `every_s`; beyond 2**10 the bound has long been reached.
        return min(idle_s, every_s * 2.0 ** min(quiet, 10)) - every_s

    async def _pull(self, tenant: str) -> None:
        quiet = self._quiet.pop(tenant, 0)
        try:
            changed = await self._catch_up(tenant)
            if not await self._edits.catch_up(tenant) and not changed:
                self._quiet[tenant] = quiet + 1
        except (LinkDown, CallRefused) as error:
            self._failed(tenant, str(error))
        except Exception as error:
            # The edge of this task: the next round asks again from the version held.
            logger.exception("pulling the registry of %s failed", tenant)
            self._failed(tenant, repr(error))
        else:
            if self._errors.pop(tenant, None) is not None:
                logger.info("the registry of %s is followed again", tenant)

    async def _catch_up(self, tenant: str) -> bool:
        """Return whether there was anything."""
        held = self._held.get(tenant)
        if held is None:
            held = self._held[tenant] = await self._link.registry_position(tenant)
        page = await self._page(tenant, held)
        found = page is not None
        while page is not None:
            # The parent makes the next page while this one is taken in.
            following = asyncio.create_task(self._following(tenant, page))
            try:
                step = await self._taken(tenant, page)
            except BaseException:
                await _dropped(following)
                raise
            self._held[tenant] = step.position
            if step.position == page.position:
                page = await following
                continue
            await _dropped(following)
            # A step that does not move on would otherwise be asked for again at full speed.
            if step.complete or step.position <= held:
                break
            page = await self._page(tenant, step.position)
            held = step.position
        return found

    async def _page(self, tenant: str, held: RegistryPosition) -> RegistryPage | None:
        limit = self._limit.get(tenant, self._settings.registry_page)
        return await self._link.registry_changes(tenant, held=held, limit=limit)

    async def _following(self, tenant: str, page: RegistryPage) -> RegistryPage | None:
        return None if page.complete else await self._page(tenant, page.position)

    async def _taken(self, tenant: str, page: RegistryPage) -> RegistryStep:
        try:
            step = await self._link.apply_changes(tenant, page)
        except CallRefused as error:
            if error.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
                # Meters with long histories or formulas: fewer of them at once.
                limit = self._limit.get(tenant, self._settings.registry_page)
                self._limit[tenant] = max(1, limit // 2)
            raise
        self._metrics.registry_page(tenant)
        self._limit.pop(tenant, None)
        return step

    def _failed(self, tenant: str, error: str) -> None:
        self._held.pop(tenant, None)
        self._edits.forget(tenant)
        self._metrics.failed(tenant, "registry")
        if self._errors.get(tenant) != error:
            logger.warning("the registry of %s cannot be pulled: %s", tenant, error)
        self._errors[tenant] = error


async def _dropped(task: asyncio.Task[RegistryPage | None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, LinkDown, CallRefused):
        await task
