import pytest
from hdrh.histogram import HdrHistogram

from deploy.lab.sent import Sent, add_up


def sent(*delays_ms: int, acknowledged: int = 10, seconds: float = 2.0) -> Sent:
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for delay in delays_ms:
        histogram.record_value(1000 * delay)
    return Sent(
        planned=20,
        sent=15,
        acknowledged=acknowledged,
        refused={"future": 1, "stale": 2},
        unanswered=2,
        requests=3,
        retries=1,
        seconds=seconds,
        delay_histogram=bytes(histogram.encode()).decode(),
        outcomes={"accepted": 9, "duplicate": 1},
        faults={"gap": 4},
        setbacks={"store-full": 3},
    )


def test_runs_side_by_side_add_up() -> None:
    both = add_up([sent(1), sent(2, acknowledged=30, seconds=4.0)])

    assert (both.planned, both.sent, both.acknowledged, both.unanswered) == (40, 30, 40, 4)
    assert both.refused == {"future": 2, "stale": 4}
    assert both.outcomes == {"accepted": 18, "duplicate": 2}
    assert both.faults == {"gap": 8}
    assert both.setbacks == {"store-full": 6}
    assert (both.requests, both.retries) == (6, 2)
    assert both.readings_per_second == 10


def test_percentiles_are_of_all_delays_together() -> None:
    slow, fast = sent(*[100] * 10), sent(*[1] * 90)

    together = add_up([slow, fast]).delay_ms()
    assert together is not None
    assert together["p50"] == pytest.approx(1, rel=0.01)
    assert together["p95"] == pytest.approx(100, rel=0.01)
    assert together["max"] == pytest.approx(100, rel=0.01)


def test_no_answer_has_no_delay() -> None:
    assert add_up([sent(), sent()]).delay_ms() is None


def test_nothing_cannot_be_added_up() -> None:
    with pytest.raises(ValueError, match="no run"):
        add_up([])
