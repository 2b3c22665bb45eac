"""The bill's source at headquarters: every zone's ledger in PostgreSQL, batch by batch."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.platform import tables
from storage.platform.ledger.batch import LedgerBatch, unpack_frames
from storage.platform.ledger.record import CallRecord
from storage.platform.ledger.segment import read_frames
from storage.platform.usage.rollup import add_counts, add_samples, next_position


class LedgerStore:
    """Batches of ledger records. Each record is in here once, however often its zone sent it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, batch: LedgerBatch) -> int:
        """Take the batch if it is the segment's next; return the offset that is wanted next.

        A batch that begins anywhere else changes nothing: its sender goes on from the answer.
        Usage is counted in the same transaction. Committed when this returns.
        """
        segments = tables.ledger_segments
        this = (segments.c.zone == batch.zone) & (segments.c.segment == batch.segment)
        async with self._engine.begin() as connection:
            await connection.execute(
                postgresql.insert(segments)
                .values(zone=batch.zone, segment=batch.segment, next_offset=0)
                .on_conflict_do_nothing()
            )
            wanted = select(segments.c.next_offset).where(this).with_for_update()
            found = int((await connection.execute(wanted)).scalar_one())
            if batch.offset != found or batch.size == 0:
                return found
            reached = found + batch.size
            position = await next_position(connection)
            await connection.execute(
                insert(tables.ledger).values(
                    zone=batch.zone,
                    segment=batch.segment,
                    start_offset=found,
                    end_offset=reached,
                    calls=batch.calls,
                    first_at=batch.first_at,
                    last_at=batch.last_at,
                    received_at=func.now(),
                    body=batch.body,
                    position=position,
                    counted=True,
                )
            )
            await add_counts(connection, batch.tally.lines)
            await add_samples(connection, batch.tally.stored, position=position)
            await connection.execute(update(segments).where(this).values(next_offset=reached))
            return reached

    async def read(
        self, *, since: datetime, until: datetime, zone: str | None = None
    ) -> AsyncIterator[CallRecord]:
        """Give the calls that began in `[since, until)`, those of one segment in their order.

        One batch is in memory at a time.
        """
        batches = tables.ledger.c
        wanted = (
            select(batches.body)
            .where(batches.first_at < until, batches.last_at >= since)
            .order_by(batches.zone, batches.segment, batches.start_offset)
        )
        if zone is not None:
            wanted = wanted.where(batches.zone == zone)
        first_us, end_us = since.timestamp() * 1e6, until.timestamp() * 1e6
        async with self._engine.connect() as connection:
            async for row in await connection.stream(wanted):
                for record in read_frames(unpack_frames(row.body)):
                    if first_us <= record.at_us < end_us:
                        yield record
