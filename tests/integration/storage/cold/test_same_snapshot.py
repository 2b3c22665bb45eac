"""Two connections of one instant, and one where there is no room for two."""

from collections.abc import AsyncIterator

import pytest

from storage.cold.pool import MAX_CONNECTIONS, Pool, open_pool, transaction
from storage.cold.same_snapshot import sharing_snapshot
from tests.integration.storage.cold.tenant import provisioned

COUNT = "SELECT count(*) FROM quarantine"
WRITE = "INSERT INTO quarantine (edge, sequence, reason, entry) VALUES ('e', $1, 'r', '')"
WITHIN_S = 10.0


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(await provisioned(database_url)) as opened:
        yield opened


async def test_both_see_what_the_first_one_sees(pool: Pool) -> None:
    await pool.execute(WRITE, 1)
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as first:
        assert await first.fetchval(COUNT) == 1
        await pool.execute(WRITE, 2)
        async with sharing_snapshot(first, pool, within_s=WITHIN_S) as both:
            assert len(both) == 2
            assert [await one.fetchval(COUNT) for one in both] == [1, 1]
            pids = {await one.fetchval("SELECT pg_backend_pid()") for one in both}
            assert len(pids) == 2
    assert await pool.fetchval(COUNT) == 2


async def test_the_last_connection_is_left_to_others(pool: Pool) -> None:
    async with (
        transaction(pool, within_s=WITHIN_S) as _,
        transaction(pool, within_s=WITHIN_S, snapshot=True) as first,
        sharing_snapshot(first, pool, within_s=WITHIN_S) as found,
    ):
        assert pool.get_max_size() == MAX_CONNECTIONS == 3
        assert found == [first]
        assert await pool.fetchval(COUNT) == 0


async def test_it_goes_on_alone_where_postgresql_gives_no_second_one(
    pool: Pool, database_url: str
) -> None:
    async with transaction(pool, within_s=WITHIN_S, snapshot=True) as first:
        role = await first.fetchval("SELECT current_user")
        await _limit(database_url, role, 1)
        async with sharing_snapshot(first, pool, within_s=WITHIN_S) as found:
            assert found == [first]
            assert await first.fetchval(COUNT) == 0


async def _limit(database_url: str, role: str, connections: int) -> None:
    async with open_pool(database_url) as admin:
        await admin.execute(f'ALTER ROLE "{role}" CONNECTION LIMIT {connections}')
