"""Counts what became of each distinct reading."""

from collections import Counter

import msgspec
import numpy as np

from meter_emulator.bodies import Body
from meter_emulator.problem import problem_name

_HELD = frozenset({"accepted", "duplicate", "corrected"})


class Outcome(msgspec.Struct, frozen=True):
    """A run of readings of one series with one outcome."""

    start: int = msgspec.field(name="from")
    count: int
    outcome: str
    reason: str | None = None


class SeriesAnswer(msgspec.Struct, frozen=True):
    """The outcomes of one series."""

    outcomes: list[Outcome] = []


class Answer(msgspec.Struct, frozen=True):
    """The platform's answer to one body; each count is in readings."""

    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0
    series: list[SeriesAnswer] = []


_decode_answer = msgspec.json.Decoder(Answer).decode


class Tally:
    """Readings of one tenant's run, by cell; copies of a reading count once."""

    def __init__(self, readings: int) -> None:
        self.planned = readings
        self.refused: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._sent = np.zeros(readings, dtype=np.bool_)
        self._held = np.zeros(readings, dtype=np.bool_)
        self._answered = np.zeros(readings, dtype=np.bool_)

    def lose(self, readings: int) -> None:
        """Take readings that never left their meter out of the plan."""
        self.planned -= readings

    @property
    def sent(self) -> int:
        """Distinct readings that were put on the wire."""
        return int(np.count_nonzero(self._sent))

    @property
    def acknowledged(self) -> int:
        """Distinct readings answered accepted, duplicate or corrected."""
        return int(np.count_nonzero(self._held))

    @property
    def unanswered(self) -> int:
        """Distinct readings sent of which no copy was answered."""
        return int(np.count_nonzero(self._sent & ~self._answered))

    def send(self, body: Body) -> None:
        """Count a body as sent."""
        self._sent[body.cells] = True

    def settle(self, body: Body, status: int, payload: bytes) -> None:
        """Count the final answer to a body."""
        self._answered[body.cells] = True
        if not 200 <= status < 300:
            self.refused[problem_name(status, payload)] += len(body.cells)
            return
        try:
            answer = _decode_answer(payload)
        except msgspec.DecodeError:
            self.refused["unreadable-answer"] += len(body.cells)
            return
        if answer.accepted + answer.duplicate + answer.corrected == len(body.cells):
            self._held[body.cells] = True
            self._count(answer)
            return
        self._settle_each(body, answer)

    def _count(self, answer: Answer) -> None:
        self.outcomes["accepted"] += answer.accepted
        self.outcomes["duplicate"] += answer.duplicate
        self.outcomes["corrected"] += answer.corrected

    def _settle_each(self, body: Body, answer: Answer) -> None:
        self._count(answer)
        known = np.zeros(len(body.cells), dtype=np.bool_)
        begin = 0
        for length, series in zip(body.series, answer.series, strict=False):
            for run in series.outcomes:
                start = begin + max(run.start, 0)
                stop = min(start + max(run.count, 0), begin + length)
                known[start:stop] = True
                if run.outcome in _HELD:
                    self._held[body.cells[start:stop]] = True
                else:
                    self.refused[run.reason or run.outcome] += max(stop - start, 0)
            begin += length
        if missing := int(np.count_nonzero(~known)):
            self.refused["missing-outcome"] += missing
