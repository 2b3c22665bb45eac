from datetime import date

import pytest

from deploy.lab.cold_count import ColdCount
from deploy.lab.emulation import Sent
from deploy.lab.replay import Replay


def replay(*, acknowledged: int, found: int, distinct: int, unanswered: int = 0) -> Replay:
    return Replay(
        day=date(2026, 1, 1),
        meters=1,
        sent=Sent(
            planned=96,
            sent=96,
            acknowledged=acknowledged,
            refused={},
            unanswered=unanswered,
            requests=96,
            retries=0,
            seconds=1.0,
            readings_per_second=96,
            delay_ms=None,
        ),
        cold=ColdCount(found, distinct),
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("case", "exactly_once"),
    [
        pytest.param(replay(acknowledged=96, found=96, distinct=96), True, id="all_there"),
        pytest.param(replay(acknowledged=96, found=95, distinct=95), False, id="one_lost"),
        pytest.param(replay(acknowledged=96, found=97, distinct=96), False, id="one_twice"),
        pytest.param(replay(acknowledged=96, found=96, distinct=95), False, id="lost_and_twice"),
        pytest.param(replay(acknowledged=90, found=91, distinct=91), False, id="one_from_nowhere"),
        pytest.param(
            replay(acknowledged=90, found=96, distinct=96, unanswered=6),
            True,
            id="stored_but_the_answer_was_lost",
        ),
    ],
)
def test_exactly_once(case: Replay, exactly_once: bool) -> None:
    assert case.exactly_once is exactly_once
    assert case.figures()["exactly_once"] is exactly_once


def test_a_day_without_an_answer_is_not_all_acknowledged() -> None:
    assert not replay(acknowledged=0, found=0, distinct=0, unanswered=96).all_acknowledged
