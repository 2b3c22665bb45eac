"""The answer to a readings body: what became of each reading, as runs of equal outcomes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.reading_schema import OutcomeRun, ReadingsAnswer, SeriesAnswer
from functions.mdms.reason import DETAIL, Reason
from functions.mdms.series_body import Answered
from storage.model.stretches import stretch_lengths
from storage.ports import Outcome

OUTCOMES: Final = ("accepted", "duplicate", "corrected", "rejected")
_OUTRANKED: Final = int(Outcome.OUTRANKED)
_OUTRANKED_DETAIL: Final = "kept as a version: the interval holds a value of a higher class"


def answers(
    bodies: Sequence[Answered], *, reason: NDArray[np.uint8], outcome: NDArray[np.uint8]
) -> list[ReadingsAnswer | SeriesAnswer]:
    """Compose the answer to each body from its readings' `Reason` and, where 0, `Outcome`.

    The columns have the readings of all bodies. A list is answered as a single series is.
    """
    if not reason.any() and not outcome.any():
        return [_all_accepted(body) for body in bodies]
    found: list[ReadingsAnswer | SeriesAnswer] = []
    begin = 0
    for body in bodies:
        end = begin + sum(body.lengths)
        found.append(_answer(body, reason[begin:end], outcome[begin:end]))
        begin = end
    return found


def _answer(
    body: Answered, reason: NDArray[np.uint8], outcome: NDArray[np.uint8]
) -> ReadingsAnswer | SeriesAnswer:
    # One column that differs exactly where the answer does.
    code = np.where(reason == 0, outcome, reason + np.uint8(_OUTRANKED))
    lengths = np.array(body.lengths, dtype=np.int64)
    ends = np.cumsum(lengths)
    begins = np.ones(len(code), dtype=np.bool_)
    begins[1:] = code[1:] != code[:-1]
    begins[(ends - lengths)[lengths > 0]] = True
    head = np.flatnonzero(begins)
    count = stretch_lengths(head, len(code))
    series_of_head = np.searchsorted(ends, head, side="right")
    first = head - (ends - lengths)[series_of_head]
    runs: list[list[OutcomeRun]] = [[] for _ in body.lengths]
    columns = (head, series_of_head, first, count, code[head])
    for reading, at, begin, readings, kind in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        runs[at].append(_run(begin, readings, kind, body.error.get(reading)))
    series = [_series(of_series) for of_series in runs]
    if body.listed:
        return series[0]
    return ReadingsAnswer(
        accepted=sum(one.accepted for one in series),
        duplicate=sum(one.duplicate for one in series),
        corrected=sum(one.corrected for one in series),
        rejected=sum(one.rejected for one in series),
        series=series,
    )


def _all_accepted(body: Answered) -> ReadingsAnswer | SeriesAnswer:
    series = [
        SeriesAnswer(
            accepted=readings,
            duplicate=0,
            corrected=0,
            rejected=0,
            outcomes=[OutcomeRun(first=0, count=readings, outcome=OUTCOMES[0])] if readings else [],
        )
        for readings in body.lengths
    ]
    if body.listed:
        return series[0]
    return ReadingsAnswer(
        accepted=sum(body.lengths), duplicate=0, corrected=0, rejected=0, series=series
    )


def _run(first: int, count: int, code: int, error: str | None) -> OutcomeRun:
    if code < _OUTRANKED:
        return OutcomeRun(first=first, count=count, outcome=OUTCOMES[code])
    if code == _OUTRANKED:
        return OutcomeRun(
            first=first,
            count=count,
            outcome="accepted",
            reason="outranked",
            detail=_OUTRANKED_DETAIL,
        )
    reason = Reason(code - _OUTRANKED)
    return OutcomeRun(
        first=first,
        count=count,
        outcome="rejected",
        reason=reason.slug,
        detail=error or DETAIL[reason],
    )


def _series(runs: list[OutcomeRun]) -> SeriesAnswer:
    counts = dict.fromkeys(OUTCOMES, 0)
    for run in runs:
        counts[run.outcome] += run.count
    return SeriesAnswer(**counts, outcomes=runs)
