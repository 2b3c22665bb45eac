"""A tenant's own store credentials, used directly, open its keys and nothing else."""

from collections.abc import AsyncIterator

import pytest

from storage.hot.acl import (
    SlugRefused,
    provision_link,
    provision_tenant,
    revoke_tenant,
)
from storage.hot.connection import CommandRefused, HotConnection, connect
from storage.hot.library import install
from storage.ports import StoreUnavailable


@pytest.fixture
async def admin(redis_url: str) -> AsyncIterator[HotConnection]:
    connection = connect(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
async def tenant(redis_url: str) -> AsyncIterator[HotConnection]:
    await provision_tenant(redis_url, "other", password="o" * 32)
    connection = connect(await provision_tenant(redis_url, "acme", password="a/b+c d%" * 4))
    yield connection
    await connection.aclose()


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[HotConnection]:
    connection = connect(await provision_link(redis_url, password="l" * 32))
    yield connection
    await connection.aclose()


async def test_a_tenant_reads_and_writes_its_own_keys(tenant: HotConnection) -> None:
    await tenant.call("SETRANGE", "acme:b:1", 0, b"x")

    assert await tenant.call("GET", "acme:b:1") == b"x"


@pytest.mark.parametrize(
    "key", ["other:b:1", "acme", "acme-2:b:1", "up:other", "upb:other", "upb", "up:acme:x"]
)
async def test_a_tenant_cannot_touch_other_keys(tenant: HotConnection, key: str) -> None:
    for command in (("GET", key), ("SETRANGE", key, 0, b"x"), ("XADD", key, "*", "a", "b")):
        with pytest.raises(CommandRefused, match="No permissions to access a key"):
            await tenant.call(*command)


@pytest.mark.parametrize(
    "command",
    [
        "SET up:acme x",
        "SETRANGE up:acme 0 x",
        "HSET up:acme f x",
        "SET upb:acme x",
        "HSET upb:acme f x",
        "XADD upb:acme * a b",
        "XADD acme:x * a b",
        "FCALL gf5_registry_page 1 up:acme 1 0 1 last 0 m x",
    ],
)
async def test_a_tenant_cannot_make_its_uplink_something_else(
    redis_url: str, tenant: HotConnection, command: str
) -> None:
    await install(redis_url)

    with pytest.raises(CommandRefused, match=r"[nN]o permissions to|can't run this command or"):
        await tenant.call(*command.split())


DENIED = [
    "SCAN 0",
    "KEYS *",
    "RANDOMKEY",
    "DBSIZE",
    "MONITOR",
    "CONFIG GET *",
    "CONFIG SET appendfsync no",
    "CLIENT LIST",
    "CLIENT SETNAME x",
    "CLIENT INFO",
    "INFO",
    "FLUSHALL",
    "FLUSHDB",
    "SELECT 1",
    "SWAPDB 0 1",
    "DEBUG SLEEP 0",
    "ACL WHOAMI",
    "ACL LIST",
    "FUNCTION LIST",
    "FUNCTION FLUSH",
    "SCRIPT FLUSH",
    "EVAL return 0",
    "EVALSHA 0 0",
    "SAVE",
    "BGREWRITEAOF",
    "SHUTDOWN NOSAVE",
    "REPLICAOF localhost 1",
    "SLOWLOG GET",
    "COMMAND COUNT",
    "PUBLISH acme:c x",
    "SUBSCRIBE acme:c",
    "MIGRATE localhost 1 acme:b:1 0 1",
    "OBJECT ENCODING acme:b:1",
    "MEMORY USAGE acme:b:1",
    "DEL acme:b:1",
    "RENAME acme:b:1 acme:b:2",
    "COPY acme:b:1 acme:b:2",
    "SORT acme:b:1",
]


@pytest.mark.parametrize("command", [*DENIED, "XTRIM up:acme MAXLEN 0", "XRANGE up:acme - +"])
async def test_a_tenant_is_denied(tenant: HotConnection, command: str) -> None:
    with pytest.raises(
        CommandRefused,
        match=r"no permissions to run|No permissions to access a key|DEBUG command not allowed",
    ):
        await tenant.call(*command.split())


@pytest.mark.parametrize(
    "command", [*DENIED, "GET acme:b:1", "SET up:acme x", "XADD up:acme * a b", "HGET up:acme a"]
)
async def test_the_link_user_is_denied(link: HotConnection, command: str) -> None:
    with pytest.raises(CommandRefused, match=r"[nN]o permissions to|DEBUG command not allowed"):
        await link.call(*command.split())


async def test_the_link_user_reads_and_trims_uplinks(
    link: HotConnection, tenant: HotConnection
) -> None:
    await tenant.call("XADD", "up:acme", "1-1", "e", "zone-3a")

    assert await link.call("XRANGE", "up:acme", "-", "+") == [[b"1-1", [b"e", b"zone-3a"]]]
    assert await link.call("XTRIM", "up:acme", "MAXLEN", 0) == 1


async def test_nobody_enters_without_a_password(redis_url: str) -> None:
    anonymous = connect(redis_url.partition("?")[0])
    with pytest.raises(StoreUnavailable, match="Authentication required"):
        await anonymous.call("PING")
    await anonymous.aclose()


async def test_provisioning_again_changes_the_password_and_keeps_open_connections(
    redis_url: str, tenant: HotConnection
) -> None:
    await tenant.call("PING")
    renewed = connect(await provision_tenant(redis_url, "acme", password="new" * 11))

    assert await renewed.call("PING") == b"PONG"
    assert await tenant.call("PING") == b"PONG"
    await renewed.aclose()


async def test_a_revoked_tenant_is_out_at_once(redis_url: str, tenant: HotConnection) -> None:
    await tenant.call("PING")

    await revoke_tenant(redis_url, "acme")

    with pytest.raises(StoreUnavailable):
        await tenant.call("PING")


@pytest.mark.parametrize("slug", ["up", "upb", "a:b", "a*", "A", "", "a b", "-a", "a\n"])
async def test_a_slug_that_would_open_the_wall_is_refused(redis_url: str, slug: str) -> None:
    with pytest.raises(SlugRefused):
        await provision_tenant(redis_url, slug, password="x" * 32)


async def test_users_survive_a_restart_through_the_acl_file(
    admin: HotConnection, tenant: HotConnection
) -> None:
    await admin.call("ACL", "LOAD")

    assert await tenant.call("PING") == b"PONG"


async def test_another_error_of_the_server_is_not_worth_a_retry(tenant: HotConnection) -> None:
    await tenant.call("SET", "acme:x", "text")

    with pytest.raises(CommandRefused, match="WRONGTYPE"):
        await tenant.call("HGET", "acme:x", "f")
