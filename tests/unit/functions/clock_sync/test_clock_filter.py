import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.clock_sync.clock_filter import STAGES, ClockFilter
from functions.clock_sync.exchange import Sample, sample_of

SECOND_US = 1_000_000


def sample(at_s: float, *, offset_us: int = 0, delay_us: int = 1_000) -> Sample:
    return Sample(
        at_us=int(at_s * SECOND_US), offset_us=offset_us, delay_us=delay_us, dispersion_us=2.0
    )


def filled(*samples: Sample, tolerance_ppm: float = 15) -> ClockFilter:
    found = ClockFilter(tolerance_ppm=tolerance_ppm)
    for one in samples:
        found = found.taken(one)
    return found


def test_the_sample_of_the_least_delay_counts() -> None:
    short = sample(1, offset_us=5, delay_us=800)
    clock = filled(sample(0, delay_us=3_000), short, sample(2, offset_us=-900, delay_us=4_000))

    assert clock.best(2 * SECOND_US) == short


def test_a_sample_leaves_after_eight_more() -> None:
    first = sample(0, delay_us=10)
    clock = filled(first, *(sample(n) for n in range(1, STAGES)))
    assert clock.best(STAGES * SECOND_US) == first

    clock = clock.taken(sample(STAGES))

    assert first not in clock.samples
    assert len(clock.samples) == STAGES


def test_of_equal_ones_the_newest_counts() -> None:
    clock = filled(sample(0), sample(1), tolerance_ppm=0)

    best = clock.best(SECOND_US)

    assert best is not None
    assert best.at_us == SECOND_US


def test_age_outweighs_a_shorter_delay() -> None:
    clock = filled(sample(0, delay_us=1_000), sample(60, delay_us=2_000), tolerance_ppm=100)

    best = clock.best(60 * SECOND_US)

    assert best is not None
    assert best.delay_us == 2_000


def test_jitter_is_that_of_the_rfc() -> None:
    clock = filled(
        sample(0, offset_us=300, delay_us=2_000),
        sample(1, offset_us=-400, delay_us=2_000),
        sample(2, offset_us=0, delay_us=100),
        tolerance_ppm=0,
    )

    assert clock.jitter_us(2 * SECOND_US) == pytest.approx(500 / 2)


@pytest.mark.parametrize("samples", [[], [sample(0)]], ids=["none", "one"])
def test_jitter_is_at_least_the_precision(samples: list[Sample]) -> None:
    assert filled(*samples).jitter_us(0) == 1


def test_a_clock_that_was_set_is_noticed_at_once() -> None:
    set_back = sample(3, offset_us=-3_600 * SECOND_US, delay_us=9_000)
    clock = filled(sample(0), sample(1), sample(2), set_back)

    assert clock.best(3 * SECOND_US) == set_back
    assert clock.samples == (set_back,)


@given(
    ways=st.lists(
        st.tuples(st.integers(0, 200_000), st.integers(0, 200_000)), min_size=1, max_size=30
    ),
    drift_ppm=st.floats(-100, 100),
    off_us=st.integers(-10_000_000, 10_000_000),
)
def test_the_error_stays_within_the_distance_while_the_clock_keeps_its_tolerance(
    ways: list[tuple[int, int]], drift_ppm: float, off_us: int
) -> None:
    clock = ClockFilter(tolerance_ppm=100)

    def read(true_us: int) -> int:
        return round(true_us + off_us + true_us * drift_ppm / 1e6)

    true_us = 0
    for there, back in ways:
        true_us += 16 * SECOND_US
        t1 = read(true_us)
        t2 = true_us + there
        true_us = t2 + back
        clock = clock.taken(sample_of(t1=t1, t2=t2, t3=t2, t4=read(true_us), tolerance_ppm=100))
        now_us = read(true_us)
        best = clock.best(now_us)
        assert best is not None
        error_us = now_us + best.offset_us - true_us
        # Each reading of the drifting clock is rounded to a microsecond.
        assert abs(error_us) <= best.distance_us(now_us=now_us, tolerance_ppm=100.02) + 2

    # True clocks always leave each other room: nothing was forgotten.
    assert len(clock.samples) == min(len(ways), STAGES)
