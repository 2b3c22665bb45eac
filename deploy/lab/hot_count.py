"""Counting readings in the zones' hot stores: in their keys, not by what services say."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.lab.failure import LabFailure
from storage.hot.audit import count_distinct, held_readings
from storage.ports import StoreUnavailable

PAUSE_S = 0.3


class HotStoreSilent(LabFailure):
    """A hot store could not be counted before the deadline."""


@dataclass(frozen=True, slots=True)
class HotCount:
    """Readings by zone, and the distinct ones that at least one of the zones holds."""

    zones: dict[str, int]
    distinct: int


async def count_hot(
    redis_urls: Mapping[str, str],
    *,
    tenants: Sequence[str],
    deadline: float,
    days: range | None = None,
) -> HotCount:
    """Count the readings of `days` (UTC days since 1970; None: all) over `tenants`.

    `redis_urls` are administrators', by zone; `deadline` is in `time.monotonic`, and a store may
    be away in between.

    Raises:
        HotStoreSilent: one never answered.
    """
    while True:
        try:
            return await _count(redis_urls, tenants, days)
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise HotStoreSilent(f"a hot store cannot be counted: {error}") from error
        await asyncio.sleep(PAUSE_S)


async def _count(
    redis_urls: Mapping[str, str], tenants: Sequence[str], days: range | None
) -> HotCount:
    zones = Counter(dict.fromkeys(redis_urls, 0))
    distinct = 0
    for tenant in tenants:
        held = await asyncio.gather(
            *(held_readings(url, slug=tenant, days=days) for url in redis_urls.values())
        )
        for zone, readings in zip(redis_urls, held, strict=True):
            zones[zone] += count_distinct([readings])
        distinct += count_distinct(held)
    return HotCount(zones=dict(zones), distinct=distinct)
