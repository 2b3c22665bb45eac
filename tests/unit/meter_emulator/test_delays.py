"""Percentiles of delays, whether they came in one by one or by the thousand."""

import pytest
from hdrh.histogram import HdrHistogram

from meter_emulator.delays import Delays


def test_nothing_recorded_has_no_percentiles() -> None:
    assert Delays().milliseconds() is None


@pytest.mark.parametrize("repeats", [1, 50])
def test_percentiles_to_three_figures(repeats: int) -> None:
    delays = Delays()
    for _ in range(repeats):
        for milliseconds in range(1, 1001):
            delays.record(milliseconds / 1000)

    figures = delays.milliseconds()
    assert figures is not None
    assert delays.count == 1000 * repeats
    assert figures["p50"] == pytest.approx(500, rel=0.002)
    assert figures["p95"] == pytest.approx(950, rel=0.002)
    assert figures["p99"] == pytest.approx(990, rel=0.002)
    assert figures["max"] == pytest.approx(1000, rel=0.002)


def test_delays_outside_the_range_count_at_its_ends() -> None:
    delays = Delays()
    delays.record(0.0)
    delays.record(9_999.0)

    figures = delays.milliseconds()
    assert figures is not None
    assert figures["p50"] == 0.001
    assert figures["max"] == pytest.approx(3_600_000, rel=0.002)


def test_the_histogram_can_be_read_and_added_elsewhere() -> None:
    delays = Delays()
    for milliseconds in (1, 2, 3, 400):
        delays.record(milliseconds / 1000)

    read = HdrHistogram.decode(delays.encoded())
    assert read.get_total_count() == 4
    assert read.get_value_at_percentile(50) == pytest.approx(2_000, rel=0.002)
    assert read.get_max_value() == pytest.approx(400_000, rel=0.002)
