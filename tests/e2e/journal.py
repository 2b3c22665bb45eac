"""What the edges acknowledged: the test's own book, against which the stores are read."""

import json
from collections import defaultdict

from tests.e2e.body import Body
from tests.e2e.versions import Slot, Version

FAULTS_KEPT = 20


class Journal:
    """Versions of each slot in the order of their acknowledgement, and what was answered wrong.

    A slot has one new version under way at a time, so the order of answers is the order in which
    the edge took them.
    """

    def __init__(self) -> None:
        self.held: defaultdict[Slot, list[Version]] = defaultdict(list)
        self.bodies = 0
        self.readings = 0
        self.corrections = 0
        self.repeats = 0
        self.retries = 0
        self.faults: list[str] = []

    def __str__(self) -> str:
        """In one line."""
        return (
            f"{self.readings} readings in {self.bodies} bodies, {self.corrections} corrections, "
            f"{self.repeats} repeats, {self.retries} retries, {len(self.faults)} faults"
        )

    def fault(self, text: str) -> None:
        """Note an answer that no rule allows."""
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(text)

    def settle(self, body: Body, answers: list[bytes], *, tries: int) -> None:
        """Note the acknowledgements of a body, one a copy, for which `tries` requests went out."""
        copies = [_outcomes(answer, body.answered) for answer in answers]
        if None in copies:
            self.fault(f"answers that do not cover their readings: {answers!r:.300}")
            return
        self.bodies += 1
        self.retries += tries - body.copies
        for at, (slot, version) in enumerate(body.readings):
            given = self.held[slot]
            outcomes = [outcomes[at] for outcomes in copies if outcomes is not None]
            self._check(slot, version, outcomes, unanswered=tries - body.copies)
            if version in given:
                self.repeats += 1
                continue
            self.readings += 1
            self.corrections += bool(given)
            given.append(version)

    def _check(self, slot: Slot, version: Version, outcomes: list[str], *, unanswered: int) -> None:
        given = self.held[slot]
        expected = _expected(given, version)
        taken = [outcome for outcome in outcomes if outcome != "duplicate"]
        # A request whose answer got lost may have been the one that was taken.
        least = 0 if unanswered or expected == "duplicate" else 1
        if not least <= len(taken) <= 1 or any(outcome != expected for outcome in taken):
            self.fault(
                f"{slot} {version}: {outcomes} beside {unanswered} lost answers, "
                f"should be {expected}; held {given}"
            )


def _expected(given: list[Version], version: Version) -> str:
    if version in given:
        return "duplicate"
    if not given:
        return "accepted"
    outranked = version.rank < max(one.rank for one in given)
    return "accepted outranked" if outranked else "corrected"


def _outcomes(answer: bytes, lengths: list[int]) -> list[str] | None:
    """One outcome a reading; None when the answer's runs do not cover them exactly."""
    told = json.loads(answer)
    # A list is answered as one series.
    answered = told.get("series", [told])
    if len(answered) != len(lengths):
        return None
    outcomes: list[str] = []
    for length, one in zip(lengths, answered, strict=True):
        at = 0
        for run in one["outcomes"]:
            if run["from"] != at:
                return None
            at += run["count"]
            words = f"{run['outcome']} {run.get('reason', '')}".strip()
            outcomes += [words] * run["count"]
        if at != length:
            return None
    return outcomes
