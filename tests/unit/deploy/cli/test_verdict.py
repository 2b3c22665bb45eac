import dataclasses
from datetime import date

import pytest
from hdrh.histogram import HdrHistogram

from deploy.cli.verdict import verdict
from deploy.lab.first_calls import SampleMeter
from deploy.lab.hot_count import HotCount
from deploy.lab.load_spec import LoadSpec
from deploy.lab.replay import Replay
from deploy.lab.sent import Sent
from storage.cold.audit import ReadingCount

NONE = ReadingCount(found=0, distinct=0)


def replay(*, acknowledged: int, stored: int, unanswered: int = 0) -> Replay:
    return Replay(
        spec=LoadSpec(meters=1, seed=1, first_day=date(2026, 1, 1)),
        meters=1,
        sample=SampleMeter(tenant="acme", meter_id="A1", register="1-0:1.8.0", interval_s=900),
        sent=Sent(
            planned=96,
            sent=96,
            acknowledged=acknowledged,
            refused={},
            unanswered=unanswered,
            requests=1,
            retries=0,
            seconds=1.0,
            delay_histogram=bytes(HdrHistogram(1, 1_000_000, 3).encode()).decode(),
            outcomes={"accepted": acknowledged},
        ),
        before=NONE,
        cold=ReadingCount(found=stored, distinct=stored),
        hot=HotCount(zones={}, distinct=stored),
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("case", "code"),
    [
        pytest.param(replay(acknowledged=96, stored=96), 0, id="all_there"),
        pytest.param(replay(acknowledged=90, stored=90), 4, id="some_refused"),
        pytest.param(replay(acknowledged=90, stored=90, unanswered=6), 4, id="some_unanswered"),
        pytest.param(replay(acknowledged=96, stored=95), 5, id="one_lost"),
        pytest.param(replay(acknowledged=90, stored=89, unanswered=6), 5, id="lost_comes_first"),
    ],
)
def test_the_exit_code_is_the_runs(case: Replay, code: int) -> None:
    assert verdict(case) == code


@pytest.mark.parametrize(("unanswered", "code"), [(0, 0), (6, 4)])
def test_with_faults_a_refusal_is_an_answer(unanswered: int, code: int) -> None:
    case = replay(acknowledged=90, stored=90, unanswered=unanswered)
    faulty = dataclasses.replace(case.spec, faults={"negative": 0.06})

    assert verdict(dataclasses.replace(case, spec=faulty)) == code
