"""Runs of demotion: one at a time for the zone, by the clock or when a tenant asks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from functions.hot_storage.demotion import Demoted, Demotion, Record, pages_of
from functions.hot_storage.metrics import TierMetrics
from functions.hot_storage.parent import ParentUnreachable
from functions.hot_storage.schema import RunAnswer
from functions.hot_storage.settings import HotStorageSettings
from functions.hot_storage.tenant_tiers import EveryTenantsTiers, TenantTiers
from functions.hot_storage.zone_tenants import UnknownTenant, ZoneTenants
from storage.hot.connection import HotConnection
from storage.hot.tier_listing import DayHeld, days_held, meters_placed
from storage.model.runs import DAY_S
from storage.ports import StoreUnavailable

logger = logging.getLogger(__name__)


class TierRuns:
    """Demotes what is cold of every tenant; remembers what each last run did."""

    def __init__(
        self,
        connection: HotConnection,
        *,
        tiers: EveryTenantsTiers,
        tenants: ZoneTenants,
        record: Record,
        settings: HotStorageSettings,
        metrics: TierMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._tiers = tiers
        self._tenants = tenants
        self._record = record
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._turn = asyncio.Lock()
        self.last: dict[str, RunAnswer] = {}

    async def run(self) -> None:
        """Demote every tenant's cold blocks again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.demote_every_s)
            try:
                days = await days_held(self._connection)
                for tenant in self._tenants.slugs:
                    if self._tenants.policy(tenant).demote:
                        await self.demote(tenant, days=days)
            except (StoreUnavailable, UnknownTenant) as error:
                logger.warning("demotion waits for its next turn: %s", error)

    async def demote(
        self,
        tenant: str,
        *,
        dry_run: bool = False,
        days: Mapping[str, set[DayHeld]] | None = None,
    ) -> RunAnswer:
        """Demote a tenant's cold blocks, oldest days first; return what was done.

        Raises:
            UnknownTenant: the zone serves no such tenant.
            StoreUnavailable: the zone's Redis does not answer; some may be dropped.
        """
        async with self._turn:
            begun = time.monotonic()
            done, looked, error = Demoted(), 0, None
            tiers = await self._tiers.of(tenant)
            demotion = await self.demotion(tiers)
            held = await days_held(self._connection) if days is None else days
            try:
                for day in sorted(held.get(tenant, ())):
                    if demotion.may_be_cold(day):
                        looked += 1
                        await self._day(demotion, day, done, dry_run=dry_run)
            except ParentUnreachable as unreachable:
                error = f"the parent zone cannot be asked: {unreachable}"
                self._metrics.demotion_failed(tenant)
            answer = RunAnswer(
                dry_run=dry_run,
                days=looked,
                hot=done.hot,
                cold=done.cold,
                dropped=done.dropped,
                dropped_bytes=done.dropped_bytes,
                decided=dict(done.decided),
                refused=dict(done.refused),
                took_s=round(time.monotonic() - begun, 3),
                error=error,
            )
            if not dry_run:
                self._note(tenant, answer)
            return answer

    def now_s(self) -> float:
        """Seconds since 1970, by the clock of the runs."""
        return self._clock()

    async def demotion(self, tiers: TenantTiers) -> Demotion:
        """One tenant's demotion as it stands now."""
        policy = self._tenants.policy(tiers.slug)
        held_bytes = await tiers.store.held_bytes()
        return Demotion(
            tenant=tiers.slug,
            tier=tiers.store,
            notes=tiers.notes,
            record=self._record,
            reads=tiers.book,
            policy=policy,
            pressure=min(1.0, held_bytes / policy.memory_limit_bytes),
            now_s=self._clock(),
        )

    async def _day(self, demotion: Demotion, day: DayHeld, done: Demoted, *, dry_run: bool) -> None:
        meters = meters_placed(self._connection, slug=demotion.tenant, register=day.register)
        async for keys in pages_of(day, meters, size=self._settings.demote_blocks):
            await demotion.run(keys, done, dry_run=dry_run)

    def _note(self, tenant: str, answer: RunAnswer) -> None:
        self.last[tenant] = answer
        self._metrics.demoted(tenant, blocks=answer.dropped, size=answer.dropped_bytes)
        for reason, blocks in answer.refused.items():
            self._metrics.refused(tenant, reason, blocks)
        self._metrics.run_ended(
            tenant, hot=answer.hot, cold=answer.cold - answer.dropped, at_s=self._clock()
        )


def date_text(day: int) -> str:
    """The date of a UTC day since 1970."""
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
