"""The ledger's sums by day, kept in the transactions that append to it, and rebuilt from it."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.platform import tables
from storage.platform.ledger.batch import unpack_frames
from storage.platform.ledger.segment import read_records
from storage.platform.usage.tally import Counts, Line, Stored, Tally

SUMS: Final = (
    *("records", "failed", "cold", "wait_us", "run_us"),
    *("megabyte_ms", "cpu_us", "bytes_in", "bytes_out"),
)
_BATCHES_A_TURN: Final = 50


async def next_position(connection: AsyncConnection) -> int:
    """Take the ledger's next position in the caller's transaction, which others then wait for.

    So positions commit in their order: who sees one sees all before it.
    """
    column = tables.ledger_head.c.position
    raised = await connection.execute(
        update(tables.ledger_head).values(position=column + 1).returning(column)
    )
    return int(raised.scalar_one())


async def head(connection: AsyncConnection) -> int:
    """Return the last position that the transaction sees, 0 for an empty ledger."""
    found = await connection.execute(select(tables.ledger_head.c.position))
    return int(found.scalar_one())


async def add_counts(connection: AsyncConnection, lines: Mapping[Line, Counts]) -> None:
    """Add to the sums; the caller's transaction holds the ledger's head."""
    if not lines:
        return
    adding = insert(tables.usage_days)
    await connection.execute(
        adding.on_conflict_do_update(
            index_elements=list(tables.usage_days.primary_key.columns),
            set_={name: tables.usage_days.c[name] + adding.excluded[name] for name in SUMS},
        ),
        [
            {**line._asdict(), "kind": str(line.kind), **asdict(sums)}
            for line, sums in lines.items()
        ],
    )


async def add_samples(
    connection: AsyncConnection, stored: Mapping[Stored, int], *, position: int
) -> None:
    """Add the samples of the batch at `position`; of an hour's the ledger's first one stays."""
    if not stored:
        return
    samples = tables.storage_samples
    adding = insert(samples)
    await connection.execute(
        adding.on_conflict_do_update(
            index_elements=list(samples.primary_key.columns),
            set_={"bytes": adding.excluded.bytes, "position": adding.excluded.position},
            where=samples.c.position > adding.excluded.position,
        ),
        [{**key._asdict(), "bytes": size, "position": position} for key, size in stored.items()],
    )


async def forget(engine: AsyncEngine) -> None:
    """Drop all sums and samples; `catch_up` makes them again from the ledger.

    In one transaction: nobody sees sums of a part of the ledger without a word that more comes.
    """
    async with engine.begin() as connection:
        await lock_head(connection)
        await connection.execute(delete(tables.usage_days))
        await connection.execute(delete(tables.storage_samples))
        await connection.execute(update(tables.ledger).values(counted=False))


async def uncounted(connection: AsyncConnection) -> int:
    """Return how many batches are not in the sums: some of before they were kept, or dropped."""
    waiting = select(func.count()).where(tables.ledger.c.counted.is_(False))
    return int((await connection.execute(waiting)).scalar_one())


async def catch_up(engine: AsyncEngine) -> int:
    """Count some batches that are not in the sums yet, in order; return how many are left.

    Each batch is counted in the transaction that marks it as counted, so it may be called by many
    and be killed at any time.
    """
    async with engine.begin() as connection:
        if await uncounted(connection) == 0:
            return 0
        await lock_head(connection)
        batches = tables.ledger.c
        found = await connection.execute(
            select(batches.position, batches.body)
            .where(batches.counted.is_(False))
            .order_by(batches.position)
            .limit(_BATCHES_A_TURN)
        )
        tally, counted = Tally(), []
        for row in found.all():
            # In a thread: a gateway that counts has calls to carry meanwhile.
            await asyncio.to_thread(_count, tally, row.body)
            await add_samples(connection, tally.stored, position=row.position)
            tally.stored.clear()
            counted.append(row.position)
        await add_counts(connection, tally.lines)
        await connection.execute(
            update(tables.ledger).where(batches.position.in_(counted)).values(counted=True)
        )
        return await uncounted(connection)


async def lock_head(connection: AsyncConnection) -> None:
    """Let nobody append to the ledger until the caller's transaction ends."""
    await connection.execute(select(tables.ledger_head.c.position).with_for_update())


def _count(tally: Tally, body: bytes) -> None:
    tally.count(read_records(unpack_frames(body)))
