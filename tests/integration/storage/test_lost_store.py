"""What an edge acknowledges after its store was lost counts, if its clock had been ahead too."""

from collections.abc import AsyncIterator

import pytest

from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.hot.acl import provision_link, provision_tenant
from storage.hot.connection import HotConnection, connect
from storage.hot.keys import sequence_key
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.uplink import Uplink
from storage.model.uplink import UplinkEntry
from storage.ports import Outcome
from tests.contract.hot_readings import Run, batch_of
from tests.contract.record_versions import expected
from tests.integration.storage.cold.tenant import provisioned

AN_HOUR_US = 3_600_000_000


@pytest.fixture
async def record(database_url: str) -> AsyncIterator[PostgresRecordStore]:
    async with open_pool(await provisioned(database_url)) as pool:
        yield PostgresRecordStore(pool)


async def _opened(redis_url: str) -> HotConnection:
    await install(redis_url)
    return connect(await provision_tenant(redis_url, "acme", password="p" * 32))


async def _accepted(tenant: HotConnection, *runs: Run) -> int:
    store = RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=1 << 20)
    accepted = await store.accept(batch_of(*runs))
    assert Outcome.DUPLICATE not in accepted.outcomes.tolist()
    return accepted.sequence


async def _waiting(redis_url: str) -> list[UplinkEntry]:
    link = connect(await provision_link(redis_url, password="l" * 32))
    pending = await Uplink(link).pending("acme", max_bytes=1 << 20, max_entries=100)
    await link.aclose()
    return [one.entry for one in pending]


@pytest.mark.parametrize("lost", ["everything", "the_last_sequence"])
async def test_nothing_is_lost_when_sequences_begin_again_below(
    redis_url: str, record: PostgresRecordStore, lost: str
) -> None:
    tenant = await _opened(redis_url)
    first = await _accepted(tenant, Run(values=[1]))
    await tenant.call("SET", sequence_key("acme"), first + AN_HOUR_US)
    ahead = await _accepted(tenant, Run(values=[2], slot=1))
    before = await _waiting(redis_url)
    assert await record.append(before, caller="zone-2") == 2

    admin = connect(redis_url)
    await admin.call("FLUSHALL" if lost == "everything" else "DEL", *_of(lost))
    await admin.aclose()
    await tenant.aclose()
    tenant = await _opened(redis_url)
    again = await _accepted(tenant, Run(values=[3], slot=2))
    await tenant.aclose()
    after = [entry for entry in await _waiting(redis_url) if entry not in before]
    await record.append(after, caller="zone-2")
    await record.fold(max_entries=100)

    assert first < again < ahead
    key = Run(values=[]).key
    held = (await record.read([key]))[key]
    assert held["final"][:3].tolist() == [1, 2, 3]
    assert held.tolist() == expected([*before, *after])[key].tolist()


def _of(lost: str) -> list[str]:
    return [] if lost == "everything" else [sequence_key("acme")]
