"""Cuts deliveries into request bodies of POST /v1/mdms/readings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from meter_emulator.deliveries import Deliveries

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One encoded body, the cells of its readings in order, and each series' length."""

    payload: bytes
    cells: NDArray[np.int64]
    series: tuple[int, ...]


def rfc3339(instant_s: int) -> str:
    """Return a Unix second as RFC 3339 UTC text."""
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def live_bodies(
    *,
    deliveries: Deliveries,
    meter_ids: list[str],
    registers: list[str],
    interval_s: int,
    per_body: int,
) -> Iterator[Body]:
    """Return bodies of `per_body` readings, one instant of many meters a series, wave after wave.

    Sorting is done before the return, encoding as the bodies are taken.
    """
    sent = deliveries.take(
        np.lexsort((deliveries.meter, deliveries.register, deliveries.instant_s, deliveries.wave))
    )
    return _cut_live(sent, meter_ids, registers, interval_s, per_body)


def _cut_live(
    sent: Deliveries,
    meter_ids: list[str],
    registers: list[str],
    interval_s: int,
    readings_per_body: int,
) -> Iterator[Body]:
    series: list[dict[str, Any]] = []
    lengths: list[int] = []
    begin = 0
    for start, end in _runs(sent.wave, sent.instant_s, sent.register):
        # A late reading travels with its wave, so a body may hold more than one instant.
        if start > begin and sent.wave[start] != sent.wave[begin]:
            yield _body(sent, begin, series, lengths)
            series, lengths, begin = [], [], start
        at = rfc3339(int(sent.instant_s[start]))
        while start < end:
            stop = min(end, begin + readings_per_body)
            series.append(
                {
                    "at": at,
                    "interval_s": interval_s,
                    "register": registers[int(sent.register[start])],
                    "meter_ids": [meter_ids[meter] for meter in sent.meter[start:stop].tolist()],
                    "values": sent.value[start:stop].tolist(),
                    **_quality(sent.quality[start:stop]),
                }
            )
            lengths.append(stop - start)
            if stop - begin == readings_per_body:
                yield _body(sent, begin, series, lengths)
                series, lengths, begin = [], [], stop
            start = stop
    if series:
        yield _body(sent, begin, series, lengths)


def backfill_bodies(
    *,
    deliveries: Deliveries,
    meter_ids: list[str],
    registers: list[str],
    interval_s: int,
    per_body: int,
) -> Iterator[Body]:
    """Return bodies of `per_body` series, each a meter's unbroken run of intervals.

    Waves do not order a backfill, except that a second copy of a reading travels after the first.
    """
    order = np.lexsort((deliveries.wave, deliveries.cell))
    copy = np.empty(len(deliveries), dtype=np.int64)
    copy[order] = _position_in_run(deliveries.cell[order])
    order = np.lexsort((deliveries.instant_s, deliveries.register, deliveries.meter, copy))
    sent, copy = deliveries.take(order), copy[order]
    return _cut_backfill(sent, copy, meter_ids, registers, interval_s, per_body)


def _cut_backfill(
    sent: Deliveries,
    copy: NDArray[np.int64],
    meter_ids: list[str],
    registers: list[str],
    interval_s: int,
    series_per_body: int,
) -> Iterator[Body]:
    offset = sent.instant_s - np.arange(len(sent)) * interval_s
    series: list[dict[str, Any]] = []
    lengths: list[int] = []
    begin = 0
    for start, end in _runs(copy, sent.meter, sent.register, offset):
        if series and copy[start] != copy[begin]:
            yield _body(sent, begin, series, lengths)
            series, lengths, begin = [], [], start
        series.append(
            {
                "meter_id": meter_ids[int(sent.meter[start])],
                "register": registers[int(sent.register[start])],
                "start": rfc3339(int(sent.instant_s[start])),
                "interval_s": interval_s,
                "values": sent.value[start:end].tolist(),
                **_quality(sent.quality[start:end]),
            }
        )
        lengths.append(end - start)
        if len(series) == series_per_body:
            yield _body(sent, begin, series, lengths)
            series, lengths, begin = [], [], end
    if series:
        yield _body(sent, begin, series, lengths)


def _body(sent: Deliveries, begin: int, series: list[dict[str, Any]], lengths: list[int]) -> Body:
    return Body(
        payload=_encode({"series": series}),
        cells=sent.cell[begin : begin + sum(lengths)],
        series=tuple(lengths),
    )


def _quality(codes: NDArray[np.int64]) -> dict[str, Any]:
    """Return the member that says it, none where every reading is valid, which goes unsaid."""
    if not codes.any():
        return {}
    alike = (codes == codes[0]).all()
    return {"quality": int(codes[0]) if alike else codes.tolist()}


def _runs(*columns: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (start, end) of each stretch over which no column changes."""
    length = len(columns[0])
    if not length:
        return []
    changed = np.zeros(length, dtype=np.bool_)
    changed[0] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(changed).tolist()
    return list(zip(starts, [*starts[1:], length], strict=True))


def _position_in_run(column: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
    lengths = np.diff(starts, append=len(column))
    return np.arange(len(column), dtype=np.int64) - np.repeat(starts, lengths)
