"""Makes calls of what is published: a consumer group for each function that has a topic trigger."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

from functions.messaging.deployments import Deployments, bounds_of, retrying_of
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.settings import MessagingSettings
from storage.hot.connection import CommandRefused
from storage.hot.queues.record import Origin, Retrying
from storage.hot.queues.topics import Subscription, Topics
from storage.platform.functions.spec import Topic
from storage.ports import StoreFull, StoreUnavailable

STORE_ERRORS: Final = (StoreUnavailable, StoreFull, CommandRefused)
A_TURN: Final = 32

logger = logging.getLogger(__name__)


class TopicFeed:
    """`queued` is called with a tenant whose queue has new calls."""

    def __init__(
        self,
        *,
        tier: int,
        topics: Topics,
        deployments: Deployments,
        settings: MessagingSettings,
        metrics: MessagingMetrics,
        queued: Callable[[str], None],
    ) -> None:
        self._tier = tier
        self._topics = topics
        self._deployments = deployments
        self._settings = settings
        self._metrics = metrics
        self._queued = queued
        self._changed = asyncio.Event()
        self._made: set[tuple[str, str, str]] = set()
        self._strange_since: dict[tuple[str, str, str], float] = {}
        self._tidy_at_s = 0.0

    def poke(self) -> None:
        """Look now: something was published, or functions have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            self._changed.clear()
            more = False
            try:
                for one in list(self.subscriptions()):
                    more |= await self._feed(one)
                if time.monotonic() >= self._tidy_at_s:
                    await self._tidy()
                    self._tidy_at_s = time.monotonic() + self._settings.tidy_every_s
            except STORE_ERRORS as error:
                logger.warning("topics cannot be read: %s", error)
                # A store that came back empty has no groups.
                self._made.clear()
            except Exception:
                # The edge of this task: without it topics would rest in silence.
                logger.exception("feeding topics failed")
                self._made.clear()
            if more:
                continue
            try:
                async with asyncio.timeout(self._settings.look_every_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def subscriptions(self) -> Iterator[Subscription]:
        """Every topic trigger of the functions that run in this tier."""
        for (tenant, name), one in self._deployments.functions.items():
            for trigger in one.spec.triggers if self._tier in one.spec.tiers else ():
                if isinstance(trigger, Topic):
                    usual = retrying_of(one.spec)
                    yield Subscription(
                        tenant=tenant,
                        topic=trigger.topic,
                        function=name,
                        retrying=Retrying(
                            tries=trigger.tries,
                            backoff_s=usual.backoff_s,
                            max_backoff_s=usual.max_backoff_s,
                            keep_s=usual.keep_s,
                            timeout_s=usual.timeout_s,
                        ),
                        bounds=bounds_of(one.spec, tenant_bytes=self._settings.tenant_bytes),
                    )

    async def _feed(self, one: Subscription) -> bool:
        """Return whether there may be more at once."""
        key = one.tenant, one.topic, one.group
        if key not in self._made:
            if await self._topics.subscribe(one, back_s=self._settings.subscribe_back_s):
                logger.info("%s of %s reads topic %s", one.function, one.tenant, one.topic)
            self._made.add(key)
        made = await self._topics.dispatch(one, limit=A_TURN)
        if made:
            self._metrics.accepted(one.tenant, one.function, Origin.TOPIC.value, count=made)
            self._queued(one.tenant)
        return made == A_TURN

    async def _tidy(self) -> None:
        """Trim what is old, and let groups go whose function is gone for a while."""
        wanted = {(one.tenant, one.topic, one.group) for one in self.subscriptions()}
        tenants = {tenant for tenant, _, _ in wanted} | set(self._deployments.tenants)
        now_s = time.monotonic()
        for tenant in sorted(tenants):
            for topic in await self._topics.names(tenant):
                for group in await self._topics.groups(tenant, topic):
                    key = tenant, topic, group.name
                    if key in wanted or not self._deployments.heard:
                        self._strange_since.pop(key, None)
                    elif now_s - self._strange_since.setdefault(key, now_s) >= (
                        self._settings.forget_after_s
                    ):
                        await self._topics.unsubscribe(tenant, topic, group=group.name)
                        self._strange_since.pop(key, None)
                        self._made.discard(key)
                        logger.info("%s of %s reads topic %s no more", group.name, tenant, topic)
                await self._topics.trim(tenant, topic)
