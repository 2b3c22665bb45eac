"""Schedules fire once an instant, over restarts too, on a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from functions.messaging.deployments import Deployments
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.schedule_clock import ScheduleClock
from functions.messaging.settings import MessagingSettings
from storage.hot.acl import provision_messaging
from storage.hot.connection import HotConnection, connect
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.library import install
from storage.hot.queues.record import CallRecord
from storage.hot.queues.schedules import Schedules
from tests.integration.functions.messaging.conftest import Start, eventually
from tests.integration.functions.messaging.entrance import Entrance


def every(cron: str, **said: object) -> list[dict[str, object]]:
    return [{"type": "schedule", "cron": cron, **said}]


class Wall:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Zone:
    """A zone's clock of schedules, made anew as after a restart, and its queue."""

    def __init__(
        self, connection: HotConnection, own: httpx.AsyncClient, wall: Wall, tier: int
    ) -> None:
        self.queue = CallQueue(connection)
        self.wall = wall
        self.deployments = Deployments(own, every_s=0.05, changed=lambda: None)
        self.clock = ScheduleClock(
            tier=tier,
            schedules=Schedules(connection),
            deployments=self.deployments,
            settings=MessagingSettings(forget_after_s=0.01),
            metrics=MessagingMetrics(zone="zone-1"),
            queued=lambda tenant: None,
            now=wall,
        )

    async def look(self) -> list[CallRecord]:
        """Let the clock look, and take what it queued."""
        await self.deployments.look_up("nobody", "nothing")
        await self.clock.look()
        taking = await self.queue.take("acme", limit=100, lease_s=60)
        return [one.record for one in taking.taken]


@pytest.fixture
async def zone(redis_url: str, gateway_url: str) -> AsyncIterator["ZoneMaker"]:
    await install(redis_url)
    connection = connect(await provision_messaging(redis_url, password="m" * 32))
    async with httpx.AsyncClient(base_url=gateway_url) as own:
        yield ZoneMaker(connection, own)
    await connection.aclose()


class ZoneMaker:
    def __init__(self, connection: HotConnection, own: httpx.AsyncClient) -> None:
        self._connection = connection
        self._own = own
        self.wall = Wall()

    def begin(self, *, tier: int = 1) -> Zone:
        return Zone(self._connection, self._own, self.wall, tier)


async def test_an_instant_fires_once_over_restarts(zone: ZoneMaker, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("*/5 * * * *", body={"kind": "load"}))
    running = zone.begin()

    # What was due before the schedule was known does not fire.
    assert await running.look() == []
    zone.wall.now += timedelta(minutes=5)
    (call,) = await running.look()
    assert (call.request.function, call.request.body) == ("report", b'{"kind":"load"}')
    assert (call.origin, call.scheduled) == ("schedule", "2026-06-15T12:05:00Z")
    assert await running.look() == []
    assert await zone.begin().look() == []
    zone.wall.now += timedelta(minutes=5)
    assert len(await zone.begin().look()) == 1


async def test_of_what_was_missed_the_last_fires(zone: ZoneMaker, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("*/5 * * * *"))
    await zone.begin().look()

    zone.wall.now += timedelta(hours=9, minutes=2)
    (call,) = await zone.begin().look()
    assert call.scheduled == "2026-06-15T21:00:00Z"
    assert await zone.begin().look() == []


async def test_two_zones_workers_at_once_fire_once(zone: ZoneMaker, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("*/5 * * * *"))
    zones = [zone.begin() for _ in range(4)]
    await zones[0].look()
    zone.wall.now += timedelta(minutes=5)

    found = await asyncio.gather(*(one.look() for one in zones))

    assert sum(map(len, found)) == 1


async def test_a_tenants_time_zone_counts(zone: ZoneMaker, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("0 6 * * *", time_zone="Asia/Baghdad"))
    await zone.begin().look()
    zone.wall.now += timedelta(days=1)

    (call,) = await zone.begin().look()

    assert call.scheduled == "2026-06-16T03:00:00Z"


async def test_only_the_zone_nearest_headquarters_fires(
    zone: ZoneMaker, entrance: Entrance
) -> None:
    entrance.deploy("report", triggers=every("*/5 * * * *"), tiers=[2, 3])
    for tier in (1, 2, 3):
        await zone.begin(tier=tier).look()
    zone.wall.now += timedelta(minutes=5)

    fired = {tier: len(await zone.begin(tier=tier).look()) for tier in (1, 3, 2)}

    assert fired == {1: 0, 3: 0, 2: 1}


async def test_a_schedule_that_comes_again_begins_anew(zone: ZoneMaker, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("*/5 * * * *"))
    running = zone.begin()
    await running.look()
    entrance.deploy("report")
    await running.look()
    await asyncio.sleep(0.05)
    await running.look()
    zone.wall.now += timedelta(hours=1)
    entrance.deploy("report", triggers=every("*/5 * * * *"))

    assert await running.look() == []


async def test_one_that_cannot_be_read_does_not_stop_the_others(
    zone: ZoneMaker, entrance: Entrance
) -> None:
    entrance.deploy("broken", triggers=every("99 * * * *"))
    entrance.deploy("nowhere", triggers=every("* * * * *", time_zone="Asia/Nowhere"))
    entrance.deploy("report", triggers=every("*/5 * * * *"))
    await zone.begin().look()
    zone.wall.now += timedelta(minutes=5)

    assert [call.request.function for call in await zone.begin().look()] == ["report"]


async def test_a_schedule_calls_its_function(start: Start, entrance: Entrance) -> None:
    entrance.deploy("report", triggers=every("* * * * *", body=[1]))
    await start()

    await eventually(lambda: asyncio.sleep(0, bool(entrance.asked)), within_s=70)

    (asked,) = entrance.asked
    assert (asked.body, asked.headers["gridfaas-origin"]) == (b"[1]", "schedule")
    assert asked.headers["ce-type"] == "gridfaas.schedule"
    assert asked.headers["ce-time"].endswith(":00Z")
