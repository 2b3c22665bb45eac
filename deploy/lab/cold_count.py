"""Counting readings where they end up: in the tables of PostgreSQL, not by what services say."""

from collections.abc import Sequence

from storage.cold.audit import EVERY_DAY, ReadingCount, count_readings
from storage.cold.walls import tenant_role


async def count_cold(
    database_url: str, *, tenants: Sequence[str], days: range = EVERY_DAY
) -> ReadingCount:
    """Count the readings of `days` (UTC days since 1970) over `tenants`, each as of one instant.

    Raises:
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    found = distinct = 0
    for tenant in tenants:
        count = await count_readings(
            database_url=database_url, schema=tenant_role(tenant), days=days
        )
        found += count.found
        distinct += count.distinct
    return ReadingCount(found=found, distinct=distinct)
