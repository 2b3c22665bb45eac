"""Looks at the live tails under load: what is there twice is what a fold would hide."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from storage.cold.tail import unseal
from tests.e2e.lab import Lab
from tests.e2e.stores import cold_store, schema

EVERY_S = 0.3

# A server that is killed between the parts of a query leaves the client in the middle of one.
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class TailWatch:
    """`seen` counts the entries looked at, `doubled` names those that were there twice at once."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.seen = 0
        self.doubled: set[tuple[str, str, int]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look every moment for the length of a block."""
        looking = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look_on(self) -> None:
        while True:
            try:
                async with cold_store(self._lab) as connection:
                    while True:
                        for tenant in self._lab.tenants:
                            await self._look(connection, tenant)
                        await asyncio.sleep(EVERY_S)
            except GONE:
                await asyncio.sleep(EVERY_S)

    async def _look(self, connection: "asyncpg.Connection[asyncpg.Record]", tenant: str) -> None:
        rows = await connection.fetch(f'SELECT body FROM "{schema(tenant)}".tail')
        entries = Counter(
            (tenant, entry.edge, entry.sequence) for row in rows for entry in unseal(row["body"])
        )
        self.seen += len(entries)
        self.doubled |= {entry for entry, copies in entries.items() if copies > 1}
