"""Fills the record, live and folded, and the row-a-reading table with the same readings."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from deploy.benchmarks import query_load, row_peer
from deploy.benchmarks.query_dates import Dates
from deploy.benchmarks.query_load import Fleet
from deploy.benchmarks.query_worker import PASSWORD, TENANT
from deploy.benchmarks.step import SLOTS
from deploy.lab.reporting import Reporter
from storage.cold.engine import connect, create_engine
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.registry import PostgresMeterRegistry
from storage.cold.walls import provision_tenant, tenant_database_url, tenant_role

_REGISTERED_AT_ONCE: Final = 1_000


async def make_tenant(admin_url: str) -> str:
    """Make the tenant's schema; return the URL of its login."""
    engine = create_engine(admin_url, pool_size=1, application_name="gridfaas-bench")
    try:
        await provision_tenant(engine, TENANT, password=PASSWORD)
    finally:
        await engine.dispose()
    return tenant_database_url(admin_url, TENANT, PASSWORD)


async def fill(
    admin_url: str, url: str, fleet: Fleet, dates: Dates, reporter: Reporter
) -> dict[str, float]:
    """Fill both sides, vacuum them, and return the bytes on disk that a reading takes up."""
    every = [dates.a_year_ago, *range(dates.first, dates.first + dates.days)]
    admin = await connect(admin_url, command_timeout_s=row_peer.LOAD_TIMEOUT_S)
    try:
        async with open_pool(url) as pool:
            registry, store = PostgresMeterRegistry(pool), PostgresRecordStore(pool)
            known = fleet.registered()
            for at in range(0, len(known), _REGISTERED_AT_ONCE):
                some = known[at : at + _REGISTERED_AT_ONCE]
                await registry.register(some, now=datetime.now(UTC))
            await row_peer.make_table(admin)
            for number, day in enumerate(every):
                reporter.step(f"filling day {number + 1} of {len(every)}")
                await asyncio.gather(
                    query_load.fill_day(store, fleet, day),
                    row_peer.fill_day(admin, fleet, day),
                )
        reporter.step("making the key of the rows, and vacuuming both")
        await row_peer.finish(admin)
        schema = tenant_role(TENANT)
        await admin.execute(f"VACUUM (ANALYZE, FREEZE) {schema}.blocks")
        blocks = await admin.fetchval(
            "SELECT pg_total_relation_size($1::regclass)", f"{schema}.blocks"
        )
        rows = await row_peer.bytes_on_disk(admin)
    finally:
        await admin.close()
    readings = fleet.meters * len(every) * SLOTS
    return {
        "blocks_bytes_per_reading": round(blocks / readings, 2),
        "rows_bytes_per_reading": round(rows / readings, 2),
    }
