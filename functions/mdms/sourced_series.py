"""A page cut where its readings come from another place, and the stretches that are missing."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from functions.mdms.period_query import Page, columns, instant_text
from functions.mdms.provenance import Origin, Provenance
from functions.mdms.query_schema import MissingPart, SeriesPart
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.runs import DAY_S


def sourced_parts(page: Page, slots: NDArray[np.void], provenance: Provenance) -> list[SeriesPart]:
    """A page's intervals as the answer says them, one part a stretch of one origin.

    A day without a block belongs to the stretch before it; the first ones to the stretch after.
    """
    parts: list[SeriesPart] = []
    for origin, first, end in _stretches(page, provenance):
        part = slots[first - page.first : end - page.first]
        parts.append(
            SeriesPart(
                start=page.instant(first),
                **columns(part),
                source=None if origin is None else origin.source,
                zone=None if origin is None else origin.zone,
                missing_parts=_missing_parts(page, first, end, provenance),
            )
        )
    return parts


def _missing_parts(
    page: Page, first: int, end: int, provenance: Provenance
) -> list[int] | UnsetType:
    if not provenance.lacking:
        return UNSET
    found = np.zeros(end - first, dtype=np.int64)
    for key in page.block_keys():
        lacking = provenance.lacking.get(key)
        if lacking is None:
            continue
        begin = key.day * key.slots - first
        low, high = max(begin, 0), min(begin + key.slots, len(found))
        if low < high:
            found[low:high] = lacking[low - begin : high - begin]
    listed: list[int] = found.tolist()
    return listed


def missing_in(keys: Iterable[BlockKey | EventKey], provenance: Provenance) -> list[MissingPart]:
    """The days of `keys` that could not be asked for, days that follow one another as one."""
    days = sorted({(key.day, provenance.missing[key]) for key in keys if key in provenance.missing})
    parts: list[MissingPart] = []
    for _, run in groupby(enumerate(days), key=lambda one: one[1][0] - one[0]):
        stretch = [day for _, day in run]
        (first, reason), (last, _) = stretch[0], stretch[-1]
        parts.append(
            MissingPart(
                begin=instant_text(first * DAY_S), end=instant_text((last + 1) * DAY_S),
                reason=reason,
            )
        )  # fmt: skip
    return parts


def _stretches(page: Page, provenance: Provenance) -> Iterator[tuple[Origin | None, int, int]]:
    """Where the intervals from one place up to another (excluded) come from."""
    per_day = DAY_S // page.interval_s
    begun: int | None = None
    current: Origin | None = None
    for key in page.block_keys():
        first = max(page.first, key.day * per_day)
        origin = provenance.origins.get(key)
        if begun is None:
            begun, current = first, origin
        elif origin is not None and current is not None and _place(origin) != _place(current):
            yield current, begun, first
            begun, current = first, origin
        else:
            current = current or origin
    if begun is not None:
        yield current, begun, page.end


def _place(origin: Origin) -> tuple[str, str]:
    return origin.source, origin.zone
