"""The hot stores that keep the port, each behind the same fixture."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from storage.hot.acl import provision_link, provision_tenant
from storage.hot.connection import connect
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.uplink import Uplink
from storage.model.traffic import READING_QUEUES
from storage.model.uplink import UplinkEntry
from tests.contract.hot_subject import EDGE, NewSubject, Subject, in_memory


@pytest.fixture(params=["memory", "redis"])
async def new_subject(request: pytest.FixtureRequest) -> AsyncIterator[NewSubject]:
    if request.param == "memory":
        yield in_memory
        return
    redis_url = request.getfixturevalue("redis_url")
    await install(redis_url)
    link = connect(await provision_link(redis_url, password="l" * 32))
    uplink = Uplink(link)
    opened = [link]
    numbers = count()

    async def redis(*, limit: int = 1 << 30) -> Subject:
        slug = f"tenant-{next(numbers)}"
        tenant = connect(await provision_tenant(redis_url, slug, password="p" * 32))
        opened.append(tenant)
        store = RedisHotStore(tenant, slug=slug, zone=EDGE, uplink_limit_bytes=limit)

        async def queued() -> list[UplinkEntry]:
            return [
                one.entry
                for queue in READING_QUEUES
                for one in await uplink.pending(slug, queue, max_bytes=1 << 30, max_entries=10_000)
            ]

        return Subject(store, queued)

    yield redis
    for connection in opened:
        await connection.aclose()


@pytest.fixture
async def subject(new_subject: NewSubject) -> Subject:
    return await new_subject()
