"""The record's version, which grows with every change, and its incarnation, with every restore."""

from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.platform import tables
from storage.platform.snapshot import Position

# A dump that is restored has another database or server; a restore to a moment another timeline.
_SERVER = text(
    "SELECT concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8),"
    " (SELECT oid FROM pg_database WHERE datname = current_database()))"
    " FROM pg_control_system()"
)
_NOW_US = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


BETWEEN_CLAIMS_US: Final = 600_000_000
"""What zones say begins a new incarnation at most once in this time, of the database's clock."""


async def lock(connection: AsyncConnection) -> None:
    """Make changes wait for one another until the caller's transaction ends.

    So they commit in the order of their versions: who reads version n sees every change up to n,
    and what a change checked first is still true when it commits.
    """
    await connection.execute(select(tables.version.c.version).with_for_update())


async def bump(connection: AsyncConnection) -> int:
    """Raise the version in the transaction of the change and return it."""
    column = tables.version.c.version
    raised = await connection.execute(
        update(tables.version).values(version=column + 1).returning(column)
    )
    return int(raised.scalar_one())


async def current(connection: AsyncConnection) -> Position:
    """Return the position of what this transaction sees."""
    columns = tables.version.c
    found = await connection.execute(select(columns.incarnation, columns.version))
    return Position(*found.one())


async def is_settled(connection: AsyncConnection, *, seen: Position | None) -> bool:
    """Whether the record is where it was when its incarnation began, and not older than `seen`."""
    began_on = (await connection.execute(select(tables.version.c.server))).scalar_one()
    if began_on != (await connection.execute(_SERVER)).scalar_one():
        return False
    return seen is None or await current(connection) >= seen


async def is_credible(connection: AsyncConnection, *, claimed: Position) -> bool:
    """Whether a zone may have been given the position `claimed`, which this record lacks."""
    held = await current(connection)
    now_us = int((await connection.execute(_NOW_US)).scalar_one())
    # An incarnation is named by the time when it began.
    rested = now_us - held.incarnation >= BETWEEN_CLAIMS_US
    return rested and held < claimed and claimed.incarnation <= now_us


async def settle(connection: AsyncConnection, *, seen: Position | None) -> None:
    """Begin a new incarnation, above `seen`, unless the record `is_settled`.

    A record that never had a server keeps its incarnation, unless somebody has seen it already:
    then it was put back to the time before its first start.
    """
    await lock(connection)
    if await is_settled(connection, seen=seen):
        return
    columns = tables.version.c
    began_on = (await connection.execute(select(columns.server))).scalar_one()
    here = (await connection.execute(_SERVER)).scalar_one()
    position = await current(connection)
    incarnation = position.incarnation
    known = seen is not None and seen.incarnation >= incarnation
    if began_on is not None or known:
        now_us = int((await connection.execute(_NOW_US)).scalar_one())
        above = max(position, seen or position).incarnation
        incarnation = max(now_us, above + 1)
    await connection.execute(update(tables.version).values(server=here, incarnation=incarnation))
