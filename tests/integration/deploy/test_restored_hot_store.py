"""The step after a hot store was put back from a copy: what it acknowledges next is new again."""

from deploy.backup.hot_store import forget_epochs
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.hot.acl import provision_link, provision_tenant
from storage.hot.connection import connect
from storage.hot.keys import epoch_key, sequence_key
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.uplink import Uplink
from storage.model.uplink import UplinkEntry
from tests.contract.hot_readings import Run, batch_of
from tests.contract.record_versions import expected
from tests.integration.storage.cold.tenant import provisioned

AN_HOUR_US = 3_600_000_000


async def waiting(redis_url: str) -> list[UplinkEntry]:
    link = connect(await provision_link(redis_url, password="l" * 32))
    pending = await Uplink(link).pending("acme", max_bytes=1 << 20, max_entries=100)
    await link.aclose()
    return [one.entry for one in pending]


async def test_a_store_put_back_begins_as_another_edge(redis_url: str, database_url: str) -> None:
    await install(redis_url)
    tenant = connect(await provision_tenant(redis_url, "acme", password="p" * 32))
    store = RedisHotStore(tenant, slug="acme", zone="zone-3a", uplink_limit_bytes=1 << 20)
    copied = (await store.accept(batch_of(Run(values=[1])))).sequence
    # Its clock was an hour ahead for a while; then its files were put back to before that.
    await tenant.call("SET", sequence_key("acme"), copied + AN_HOUR_US)
    await store.accept(batch_of(Run(values=[2], slot=1)))
    before = await waiting(redis_url)
    await tenant.call("SET", sequence_key("acme"), copied)
    admin = connect(redis_url)
    await admin.call("SET", "acme:not:epoch", "of something else")

    assert forget_epochs(redis_url) == ["acme"]

    assert await admin.call("EXISTS", epoch_key("acme")) == 0
    assert await admin.call("EXISTS", "acme:not:epoch") == 1
    await store.accept(batch_of(Run(values=[3], slot=2)))
    after = [entry for entry in await waiting(redis_url) if entry not in before]
    assert {entry.edge for entry in after}.isdisjoint({entry.edge for entry in before})
    async with open_pool(await provisioned(database_url)) as pool:
        record = PostgresRecordStore(pool)
        assert await record.append(before, caller="zone-2") == len(before)
        assert await record.append(after, caller="zone-2") == len(after)
        want = expected([*before, *after])
        assert (await record.read(list(want))).keys() == want.keys()
        [slots] = (await record.read(list(want))).values()
    assert slots["final"][:3].tolist() == [1, 2, 3]
    await admin.aclose()
    await tenant.aclose()
