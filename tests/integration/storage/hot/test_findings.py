"""What validation holds: counted as a tenant's memory, and gone with the block that it is about."""

from collections.abc import AsyncIterator

import pytest

from functions.mdms.vee.held_findings import BlockName
from storage.hot.acl import provision_tenant, provision_tiering
from storage.hot.connection import HotConnection, connect
from storage.hot.keys import finding_field
from storage.hot.library import install
from storage.hot.store import RedisHotStore
from storage.hot.validation import HotValidation
from storage.model.block import BlockKey
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of

PASSWORD = "a-password-for-tests"
LIMIT = 1 << 26
FIELD_COST = 64


@pytest.fixture
async def tenant(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    opened = connect(await provision_tenant(redis_url, "acme", password=PASSWORD))
    yield opened
    await opened.aclose()


@pytest.fixture
async def tiering(redis_url: str) -> AsyncIterator[HotConnection]:
    opened = connect(await provision_tiering(redis_url, password=PASSWORD))
    yield opened
    await opened.aclose()


def store_of(connection: HotConnection) -> RedisHotStore:
    return RedisHotStore(connection, slug="acme", zone="zone-2", uplink_limit_bytes=LIMIT)


async def hold(queue: HotValidation, **records: bytes) -> None:
    """Hold these records of the named meters' days, and of nothing else anything new."""
    findings = {field(meter): record for meter, record in records.items()}
    state = await queue.state()
    settled = await queue.settle(
        state, newest_s=0, done=(), payload=b"", findings=findings, looks={}
    )
    assert settled is not None


def key(meter: str) -> BlockKey:
    return BlockKey(meter, REGISTER, DAY, 900)


def field(meter: str) -> str:
    return finding_field(key(meter))


def cost(meter: str, record: bytes) -> int:
    return len(field(meter)) + len(record) + FIELD_COST


def test_a_block_has_one_name_among_the_findings() -> None:
    assert field("A/1") == BlockName("A/1", REGISTER, DAY, 900).text


async def test_findings_count_as_the_tenants_memory(tenant: HotConnection) -> None:
    store = store_of(tenant)
    queue = HotValidation(tenant, slug="acme", zone="zone-2", uplink_limit_bytes=LIMIT)
    before = await store.held_bytes()

    await hold(queue, A=b"one", B=b"two runs")
    both = cost("A", b"one") + cost("B", b"two runs")
    assert await store.held_bytes() == before + both
    await hold(queue, A=b"more of it")
    assert await store.held_bytes() == before + both + len(b"more of it") - len(b"one")
    await hold(queue, A=b"", B=b"", C=b"")

    assert await store.held_bytes() == before


async def test_what_was_found_in_a_block_is_dropped_with_it(
    tenant: HotConnection, tiering: HotConnection
) -> None:
    store = store_of(tenant)
    queue = HotValidation(tenant, slug="acme", zone="zone-2", uplink_limit_bytes=LIMIT)
    await store.accept(batch_of(*(Run(values=[7, 8], meter_id=meter) for meter in "ABC")))
    await hold(queue, A=b"one", B=b"two", C=b"three")
    seen = await store.read([key("A"), key("B")])
    await store.accept(batch_of(Run(values=[9], slot=5, meter_id="B")))
    before = await store.held_bytes()

    assert await store_of(tiering).drop(seen) == {key("A")}

    held = await queue.findings([field(meter) for meter in "ABC"])
    assert held == {field("B"): b"two", field("C"): b"three"}
    assert await store.held_bytes() == before - cost("A", b"one")
