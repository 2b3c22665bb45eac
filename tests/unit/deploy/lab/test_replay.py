from datetime import date

import pytest
from hdrh.histogram import HdrHistogram

from deploy.lab.first_calls import SampleMeter
from deploy.lab.hot_count import HotCount
from deploy.lab.load_spec import LoadSpec
from deploy.lab.replay import Replay
from deploy.lab.sent import Sent
from storage.cold.audit import ReadingCount

NO_DELAYS = bytes(HdrHistogram(1, 3_600_000_000, 3).encode()).decode()


def replay(
    *,
    acknowledged: int,
    found: int,
    distinct: int,
    unanswered: int = 0,
    before: int = 0,
    refused: int = 0,
    accepted: int | None = None,
) -> Replay:
    return Replay(
        spec=LoadSpec(meters=1, seed=1, first_day=date(2026, 1, 1)),
        meters=1,
        sample=SampleMeter(tenant="acme", meter_id="A000001", register="1-0:1.8.0", interval_s=900),
        sent=Sent(
            planned=96,
            sent=96,
            acknowledged=acknowledged,
            refused={"negative-consumption": refused} if refused else {},
            unanswered=unanswered,
            requests=96,
            retries=0,
            seconds=1.0,
            delay_histogram=NO_DELAYS,
            outcomes={"accepted": acknowledged if accepted is None else accepted},
        ),
        before=ReadingCount(found=before, distinct=before),
        cold=ReadingCount(found, distinct),
        hot=HotCount(zones={"zone-3a": distinct}, distinct=distinct),
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
        pytest.param(
            replay(acknowledged=96, found=96, distinct=96, before=96, accepted=0),
            True,
            id="sent_again",
        ),
        pytest.param(
            replay(acknowledged=96, found=150, distinct=150, before=60, accepted=90),
            True,
            id="some_sent_again",
        ),
        pytest.param(
            replay(acknowledged=96, found=149, distinct=149, before=60, accepted=90),
            False,
            id="a_new_one_is_lost_beside_old_ones",
        ),
        pytest.param(
            replay(acknowledged=96, found=99, distinct=99, before=100, accepted=0),
            False,
            id="one_of_before_is_lost",
        ),
        pytest.param(
            replay(acknowledged=96, found=197, distinct=197, before=100), False, id="more_than_sent"
        ),
    ],
)
def test_exactly_once(case: Replay, exactly_once: bool) -> None:
    assert case.exactly_once is exactly_once
    assert case.figures()["exactly_once"] is exactly_once


def test_a_day_without_an_answer_is_not_all_acknowledged() -> None:
    silent = replay(acknowledged=0, found=0, distinct=0, unanswered=96)

    assert not silent.all_acknowledged
    assert not silent.all_answered


def test_what_was_refused_for_good_has_its_answer() -> None:
    case = replay(acknowledged=90, found=90, distinct=90, refused=6)

    assert not case.all_acknowledged
    assert case.all_answered
    assert case.figures()["refused_reasons"] == {"negative-consumption": 6}
