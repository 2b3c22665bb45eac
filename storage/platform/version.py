"""The version of the platform's record: one number that grows with every change."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.platform import tables


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


async def current(connection: AsyncConnection) -> int:
    """Return the version of what this transaction sees."""
    return int((await connection.execute(select(tables.version.c.version))).scalar_one())
