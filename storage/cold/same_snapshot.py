"""Two connections that see the record at one instant, so that two processes read for one answer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from storage.cold.pool import Connection, Pool, transaction
from storage.ports import StoreUnavailable

_LEFT_FOR_OTHERS = 1


@asynccontextmanager
async def sharing_snapshot(
    connection: Connection, pool: Pool, *, within_s: float
) -> AsyncIterator[list[Connection]]:
    """Give `connection`, whose transaction is of one instant, and another one of that instant.

    It goes on alone where the other one would be the pool's last, or PostgreSQL gives none.
    """
    async with AsyncExitStack() as stack:
        found = [connection]
        busy = pool.get_size() - pool.get_idle_size()
        if busy + 1 + _LEFT_FOR_OTHERS <= pool.get_max_size():
            name = await connection.fetchval("SELECT quote_literal(pg_export_snapshot())")
            try:
                other = await stack.enter_async_context(
                    transaction(pool, within_s=within_s, snapshot=True)
                )
            except StoreUnavailable:
                pass
            else:
                await other.execute(f"SET TRANSACTION SNAPSHOT {name}")
                found.append(other)
        yield found
