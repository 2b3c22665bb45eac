"""A tenant's few connections to PostgreSQL, closed when idle, and what their failures mean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from storage.cold.engine import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S
from storage.ports import StoreUnavailable

MAX_CONNECTIONS: Final = 3
IDLE_S: Final = 30.0
_UNAVAILABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    # What asyncpg raises when a session ends between two of its steps.
    asyncpg.InternalClientError,
    # While a login is made, renewed or taken away.
    asyncpg.InvalidAuthorizationSpecificationError,
)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


@asynccontextmanager
async def open_pool(database_url: str) -> AsyncIterator[Pool]:
    """Give a pool of at most `MAX_CONNECTIONS` that opens them when needed; close it at the end."""
    pool = await asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=MAX_CONNECTIONS,
        max_inactive_connection_lifetime=IDLE_S,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings={"application_name": "gridfaas-record"},
        reset=_leave_session,
    )
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def transaction(
    pool: Pool, *, within_s: float, snapshot: bool = False
) -> AsyncIterator[Connection]:
    """Run one transaction that ends within `within_s`; `snapshot`: read only, at one instant.

    Raises:
        StoreUnavailable: the server did not answer in time, or ended the transaction. Whether a
            COMMIT went through is then unknown.
    """
    async with (
        single_statements(pool, within_s=within_s) as connection,
        connection.transaction(
            isolation="repeatable_read" if snapshot else "read_committed",
            readonly=snapshot,
        ),
    ):
        yield connection


@asynccontextmanager
async def single_statements(pool: Pool, *, within_s: float) -> AsyncIterator[Connection]:
    """Give a connection on which each statement is its own transaction, for `within_s`.

    Raises:
        StoreUnavailable: as `transaction`; whether the last statement counts is then unknown.
    """
    try:
        async with (
            asyncio.timeout(within_s),
            pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection,
        ):
            yield connection
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"the record's database: {type(error).__name__}: {error}") from error


async def _leave_session(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Spare a round trip at each release: nothing here outlives its transaction in a session.

    What is open of a transaction is rolled back by the pool itself.
    """
