"""A process that demotes a tenant's cold blocks and waits before and after each of its steps.

`demoting.py REDIS_URL DATABASE_URL TENANT METER...`: it says a step's name and goes on when a line
comes in, so that a test can end it between any two.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from functions.hot_storage.demotion import Demoted, Demotion
from functions.hot_storage.policy import HotPolicy
from functions.hot_storage.read_book import ReadBook
from storage.cold import proving
from storage.cold.pool import open_pool
from storage.hot.connection import connect
from storage.hot.store import RedisHotStore
from storage.hot.tiering import TierNotes
from storage.model.block import BlockKey
from storage.model.recall import Question
from tests.integration.stepped_process import say, wait

DAY = 20_454
REGISTER = "1-0:1.8.0"


class Stepped:
    """Any port, with a wait on both sides of each of its calls."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **named: Any) -> Any:
            wait(f"before {name}")
            answer = await getattr(self._port, name)(*args, **named)
            wait(f"after {name}")
            return answer

        return call


class Record:
    """The record itself, without a network in between."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def prove(self, _: str, question: Question) -> Any:
        return await proving.prove(self._pool, question, zone="zone-1")

    async def recall(self, _: str, question: Question) -> Any:
        return await proving.recall(self._pool, question, zone="zone-1")

    async def history(self, _: str, question: Question) -> Any:
        return await proving.history(self._pool, question)


async def main(redis_url: str, database_url: str, tenant: str, meters: list[str]) -> None:
    connection = connect(redis_url)
    async with open_pool(database_url) as pool:
        store = RedisHotStore(connection, slug=tenant, zone="zone-2", uplink_limit_bytes=0)
        ports: dict[str, Any] = {
            "tier": Stepped(store),
            "notes": Stepped(TierNotes(connection, slug=tenant)),
            "record": Stepped(Record(pool)),
        }
        demotion = Demotion(
            tenant=tenant,
            reads=ReadBook(half_life_days=14.0, most_blocks=10),
            policy=HotPolicy(keep_open_billing=False),
            pressure=0.0,
            now_s=time.time(),
            **ports,
        )
        done = Demoted()
        await demotion.run([BlockKey(meter, REGISTER, DAY, 900) for meter in meters], done)
        say(f"dropped {done.dropped}")
    await connection.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
