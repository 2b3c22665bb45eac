import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.clock_sync.exchange import ImpossibleExchange, sample_of

TRUE_US = 1_767_225_600_000_000
micros = st.integers(0, 5_000_000)


@pytest.mark.parametrize(
    ("times", "offset_us", "delay_us"),
    [
        pytest.param((0, 10, 12, 22), 0, 20, id="right_and_ten_each_way"),
        pytest.param((0, 110, 112, 22), 100, 20, id="the_client_is_late_by_100"),
        pytest.param((0, -90, -88, 22), -100, 20, id="the_client_is_early_by_100"),
        pytest.param((0, 30, 30, 30), 15, 30, id="all_delay_on_the_way_there_looks_like_offset"),
    ],
)
def test_offset_and_delay(times: tuple[int, int, int, int], offset_us: int, delay_us: int) -> None:
    t1, t2, t3, t4 = times

    sample = sample_of(t1=t1, t2=t2, t3=t3, t4=t4, tolerance_ppm=15)

    assert (sample.offset_us, sample.delay_us, sample.at_us) == (offset_us, delay_us, t4)


@given(there=micros, back=micros, at_server=micros, off=st.integers(-(10**9), 10**9))
def test_the_error_is_within_half_the_delay_however_the_ways_differ(
    there: int, back: int, at_server: int, off: int
) -> None:
    t2 = TRUE_US + there
    t3 = t2 + at_server

    sample = sample_of(t1=TRUE_US - off, t2=t2, t3=t3, t4=t3 + back - off, tolerance_ppm=0)

    error_us = sample.offset_us - off
    assert abs(error_us) <= sample.distance_us(now_us=sample.at_us, tolerance_ppm=0)


@pytest.mark.parametrize(
    ("t1", "t2", "t3", "t4"),
    [
        pytest.param(10, 0, 0, 9, id="answer_before_the_question"),
        pytest.param(0, 10, 9, 20, id="sent_before_it_was_received"),
        pytest.param(0, 0, 1_000, 900, id="kept_longer_than_the_client_waited"),
    ],
)
def test_what_no_exchange_can_give_is_refused(t1: int, t2: int, t3: int, t4: int) -> None:
    with pytest.raises(ImpossibleExchange):
        sample_of(t1=t1, t2=t2, t3=t3, t4=t4, tolerance_ppm=15)


def test_the_distance_grows_with_age_and_holds_the_servers_own() -> None:
    sample = sample_of(
        t1=0, t2=5, t3=5, t4=1_000, tolerance_ppm=100, root_delay_us=400, root_dispersion_us=30.0
    )

    fresh = sample.distance_us(now_us=1_000, tolerance_ppm=100)
    an_hour_later = sample.distance_us(now_us=1_000 + 3_600_000_000, tolerance_ppm=100)

    assert fresh == pytest.approx(500 + 200 + 30 + 2 + 0.1)
    assert an_hour_later - fresh == pytest.approx(360_000)
