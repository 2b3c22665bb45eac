"""What becomes of each reading is counted once, from the platform's answer."""

import json
from typing import Any

import numpy as np
import pytest

from meter_emulator.bodies import Body
from meter_emulator.tally import Tally


def body(first: int, *series: int) -> Body:
    return Body(payload=b"", cells=np.arange(first, first + sum(series)), series=series)


def answer(*series: list[tuple[int, int, str, str | None]]) -> bytes:
    counts = dict.fromkeys(("accepted", "duplicate", "corrected", "rejected"), 0)
    listed: list[Any] = []
    for runs in series:
        for _, count, outcome, _ in runs:
            counts[outcome] += count
        listed.append(
            {
                "outcomes": [
                    {"from": start, "count": count, "outcome": outcome, "reason": reason}
                    for start, count, outcome, reason in runs
                ]
            }
        )
    return json.dumps({**counts, "series": listed}).encode()


def settled(one: Body, status: int, payload: bytes) -> Tally:
    tally = Tally(100)
    tally.send(one)
    tally.settle(one, status, payload)
    return tally


@pytest.mark.parametrize("outcome", ["accepted", "duplicate", "corrected"])
def test_every_held_reading_is_acknowledged(outcome: str) -> None:
    tally = settled(body(0, 4), 200, answer([(0, 4, outcome, None)]))

    assert (tally.planned, tally.sent, tally.acknowledged, tally.unanswered) == (100, 4, 4, 0)


def test_rejected_readings_are_told_from_their_neighbours() -> None:
    tally = settled(
        body(0, 3, 4),
        200,
        answer(
            [(0, 3, "accepted", None)],
            [
                (0, 1, "accepted", None),
                (1, 2, "rejected", "unknown-meter"),
                (3, 1, "duplicate", None),
            ],
        ),
    )

    assert tally.acknowledged == 5
    assert tally.refused == {"unknown-meter": 2}
    assert tally.unanswered == 0


def test_a_reading_sent_and_acknowledged_twice_is_one_reading() -> None:
    tally = settled(body(0, 4), 200, answer([(0, 4, "accepted", None)]))
    tally.send(body(2, 4))
    tally.settle(body(2, 4), 200, answer([(0, 2, "duplicate", None), (2, 2, "accepted", None)]))

    assert (tally.sent, tally.acknowledged) == (6, 6)


def test_what_was_sent_without_an_answer_is_unanswered() -> None:
    tally = settled(body(0, 4), 200, answer([(0, 4, "accepted", None)]))
    tally.send(body(4, 6))

    assert (tally.sent, tally.acknowledged, tally.unanswered) == (10, 4, 6)


@pytest.mark.parametrize(
    ("status", "payload", "reason"),
    [
        pytest.param(
            413, b'{"type":"urn:gridfaas:problem:body-too-large"}', "body-too-large", id="problem"
        ),
        pytest.param(500, b"oops", "http-500", id="no_problem_document"),
        pytest.param(403, b'{"title":"no"}', "http-403", id="problem_without_type"),
        pytest.param(200, b"<html>", "unreadable-answer", id="not_our_platform"),
        pytest.param(200, b'{"accepted":1}', "missing-outcome", id="an_answer_that_says_nothing"),
    ],
)
def test_refused_bodies_name_their_reason(status: int, payload: bytes, reason: str) -> None:
    tally = settled(body(0, 4), status, payload)

    assert tally.refused == {reason: 4}
    assert tally.acknowledged == 0


def test_runs_beyond_their_series_are_not_believed() -> None:
    tally = settled(body(0, 2, 2), 200, answer([(0, 9, "accepted", None)], []))

    assert tally.acknowledged == 2
    assert tally.refused == {"missing-outcome": 2}


def test_outcomes_are_counted_by_answer() -> None:
    tally = settled(body(0, 4), 200, answer([(0, 4, "accepted", None)]))
    tally.send(body(0, 4))
    tally.settle(body(0, 4), 200, answer([(0, 3, "duplicate", None), (3, 1, "rejected", "future")]))

    assert tally.outcomes == {"accepted": 4, "duplicate": 3, "corrected": 0}
