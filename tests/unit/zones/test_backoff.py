import pytest

from zones.backoff import backoff_s


@pytest.mark.parametrize(
    ("failures", "jitter", "pause_s"),
    [
        pytest.param(1, 0.0, 0.2, id="first"),
        pytest.param(3, 0.0, 0.8, id="doubles"),
        pytest.param(3, 0.5, 0.6, id="jitter_takes_off_up_to_half"),
        pytest.param(40, 0.0, 10.0, id="capped"),
        pytest.param(10_000, 0.0, 10.0, id="no_overflow"),
    ],
)
def test_backoff(failures: int, jitter: float, pause_s: float) -> None:
    assert backoff_s(failures=failures, jitter=jitter) == pytest.approx(pause_s)
