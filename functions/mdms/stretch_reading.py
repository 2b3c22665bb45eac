"""Periods of many meters, read some blocks at a time, so that memory stays bounded."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import Page
from functions.mdms.ports import BlockReader
from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter
from storage.model.runs import DAY_S

DAYS_AT_ONCE: Final = 31
BLOCKS_AT_ONCE: Final = 496


def stretches(
    meters: Iterable[Meter],
    *,
    register: str,
    begin_s: int,
    end_s: int,
    days: int = DAYS_AT_ONCE,
) -> Iterator[Page]:
    """The intervals that start in `[begin_s, end_s)`, meter by meter, in parts of one length.

    A part is of `days` at most.
    """
    for meter in meters:
        for period in length_periods(meter):
            length = period.interval_s
            until_s = end_s if period.end_s is None else min(end_s, period.end_s)
            first, last = -(-max(begin_s, period.begin_s) // length), -(-until_s // length)
            # Parts end at midnight, so that no block is read twice.
            day = DAY_S // length
            while first < last:
                end = min(last, (first // day + days) * day)
                yield Page(
                    meter_id=meter.meter_id,
                    register=register,
                    interval_s=length,
                    first=first,
                    end=end,
                    next_s=None,
                )
                first = end


async def read_stretches(
    blocks: BlockReader, parts: Iterable[Page]
) -> AsyncIterator[tuple[Page, NDArray[np.void]]]:
    """The slots of each part, in order; at most `BLOCKS_AT_ONCE` blocks and a part are held.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    group: list[Page] = []
    size = 0
    for part in parts:
        group.append(part)
        size += len(part.block_keys())
        if size >= BLOCKS_AT_ONCE:
            async for one in _read(blocks, group):
                yield one
            group, size = [], 0
    async for one in _read(blocks, group):
        yield one


async def read_whole(
    blocks: BlockReader, parts: Iterable[Page]
) -> AsyncIterator[tuple[Page, NDArray[np.void]]]:
    """The slots of the parts, those of one meter and length that follow one another as one.

    Raises:
        StoreUnavailable: no answer before the deadline.
    """
    whole: Page | None = None
    held: list[NDArray[np.void]] = []
    async for part, slots in read_stretches(blocks, parts):
        if whole is not None and _follows(whole, part):
            whole = replace(whole, end=part.end)
        else:
            if whole is not None:
                yield whole, np.concatenate(held)
            whole, held = part, []
        held.append(slots)
    if whole is not None:
        yield whole, np.concatenate(held)


def _follows(whole: Page, part: Page) -> bool:
    same = (whole.meter_id, whole.interval_s) == (part.meter_id, part.interval_s)
    return same and whole.end == part.first


async def _read(
    blocks: BlockReader, group: list[Page]
) -> AsyncIterator[tuple[Page, NDArray[np.void]]]:
    held = await blocks.read([key for part in group for key in part.block_keys()])
    for part in group:
        yield part, part.slots({key: held[key] for key in part.block_keys() if key in held})
