"""A tenant's own login to each zone's Valkey, used directly, opens nothing of a neighbour's."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import redis.asyncio

from tests.e2e.neighbours import Neighbours
from tests.e2e.stores import hot_store

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

# Its commands are not typed.
Client = Any


def function_names(libraries: list[dict[bytes, Any]]) -> list[str]:
    """The functions of every loaded library."""
    return [one[b"name"].decode() for library in libraries for one in library[b"functions"]]


@pytest_asyncio.fixture(loop_scope="session")
async def our_hot(neighbours: Neighbours) -> AsyncIterator[dict[str, Client]]:
    """Our own login to each zone's Valkey, as the zone keeps it."""
    clients = {}
    lab, user = neighbours.lab, f"t:{neighbours.us}"
    for zone in lab.links:
        socket = urlsplit(lab.running.stores.redis_urls[zone]).path
        password = lab.home.zone_state(zone) / "hot" / user
        clients[zone] = redis.asyncio.Redis(
            unix_socket_path=socket,
            username=user,
            password=password.read_text(),
            protocol=2,
            driver_info=None,
        )
    yield clients
    for client in clients.values():
        await client.aclose()


async def test_our_login_to_valkey_cannot_read_their_keys(
    neighbours: Neighbours, our_hot: dict[str, Client]
) -> None:
    us, them = neighbours.us, neighbours.them
    for zone, client in our_hot.items():
        async with hot_store(neighbours.lab, zone) as admin:
            keys = [key.decode() for key in await admin.keys("*")]
            functions = function_names(await admin.execute_command("FUNCTION", "LIST"))
        theirs = [key for key in keys if them in key.split(":")]
        ours = [key for key in keys if key.startswith(f"{us}:s:")]
        assert theirs
        assert ours
        assert functions
        assert await client.get(ours[0])
        for key in (*theirs, f"up:{them}", f"upb:{them}"):
            for command in (
                *(("GET", key), ("STRLEN", key), ("HGETALL", key), ("XLEN", key)),
                *(("XRANGE", key, "-", "+"), ("DUMP", key), ("TYPE", key), ("EXISTS", key)),
                *(("SET", key, "x"), ("DEL", key), ("XADD", key, "*", "e", "x")),
                *(("FCALL", name, 1, key) for name in functions),
                *(("FCALL_RO", name, 1, key) for name in functions),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    await client.execute_command(*command)


@pytest.mark.parametrize(
    "command",
    [
        *("SCAN 0", "KEYS *", "RANDOMKEY", "DBSIZE", "SELECT 1", "SWAPDB 0 1", "INFO keyspace"),
        *("MONITOR", "CONFIG GET *", "CLIENT LIST", "CLIENT NO-EVICT on", "ACL LIST", "ACL WHOAMI"),
        *("FLUSHALL", "FLUSHDB", "OBJECT HELP", "MEMORY STATS", "SLOWLOG GET"),
        *(
            "EVAL return(redis.call('KEYS','*')) 0",
            "FUNCTION LIST",
            "FUNCTION DUMP",
            "SCRIPT FLUSH",
        ),
        *(
            "SUBSCRIBE x",
            "PUBSUB CHANNELS",
            "SORT x",
            "MIGRATE h 1 k 0 100",
            "REPLICAOF NO ONE",
            "SHUTDOWN",
        ),
        *("SAVE", "BGREWRITEAOF", "LATENCY DOCTOR", "COMMAND GETKEYS GET x", "MODULE LIST"),
    ],
)
async def test_our_login_to_valkey_cannot_look_around(
    our_hot: dict[str, Client], command: str
) -> None:
    for client in our_hot.values():
        with pytest.raises(redis.exceptions.NoPermissionError):
            await client.execute_command(*command.split(" "))
