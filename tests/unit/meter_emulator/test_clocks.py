"""Meters' clocks drift, are told the time, and doubt what they read while they may be wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_emulator.clock_day import QUESTIONABLE, ClockRun
from meter_emulator.clock_exchange import ExchangeFailed, Measured
from meter_emulator.deliveries import unix_midnight, whole_day
from meter_emulator.faults import MOST_DRIFT_S
from meter_emulator.fleet_clocks import fleet_clocks
from meter_emulator.meter_clocks import ClockPlan, Micros
from meter_emulator.meters import RegisterDay

DAY = date(2026, 1, 1)
MIDNIGHT_S = unix_midnight(DAY)
METERS = 40


@dataclass
class Zone:
    """Measures as a zone at the other end of a link does; `ways` gives each exchange's delays."""

    ways: Callable[[int], tuple[float, float]]
    exchanges: int = 0

    def measure(self, error_us: Micros, *, tolerance_ppm: float) -> Measured:
        there_us, back_us = self.ways(self.exchanges)
        self.exchanges += 1
        distance_us = (there_us + back_us) / 2
        return Measured(
            offset_us=-error_us + (there_us - back_us) / 2,
            distance_us=np.full(len(error_us), distance_us),
        )


class Silent:
    """A zone that tells nobody the time."""

    def measure(self, error_us: Micros, *, tolerance_ppm: float) -> Measured:
        raise ExchangeFailed("no-answer")


def clocks(*, off: float = 0.0, **plan: float) -> ClockRun:
    return fleet_clocks(
        ClockPlan(**plan),  # type: ignore[arg-type]  # whole seconds among the figures
        meters=METERS,
        off=off,
        at_s=MIDNIGHT_S,
        seed=[1, 2],
    )


def test_without_exchanges_clocks_drift_away_at_their_own_rates() -> None:
    run = clocks(drift_ppm=100)

    days = [
        run.day(first_s=MIDNIGHT_S + n * 86_400, interval_s=900, exchange=Silent())
        for n in range(2)
    ]

    error_us = np.hstack([day.error_us for day in days])
    assert (error_us[:, 0] == 0).all()
    steps = np.diff(error_us, axis=1)
    assert np.allclose(steps, steps[:, :1])
    assert len(np.unique(steps[:, 0])) == METERS
    assert 0 < np.abs(steps).max() <= 100 * 900
    assert run.figures()["exchanges"] == 0


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param(lambda _: (5_000, 5_000), id="even_ways"),
        pytest.param(lambda _: (400_000, 0), id="all_delay_on_the_way_there"),
        pytest.param(lambda n: (0, 3e6 if n % 2 else 1_000), id="a_link_that_stalls"),
    ],
)
def test_with_exchanges_they_stay_within_what_delay_and_drift_allow(
    ways: Callable[[int], tuple[float, float]],
) -> None:
    run = clocks(off=0.5, drift_ppm=100, sync_every_s=3_600)

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Zone(ways))

    most_us = max(sum(ways(n)) / 2 for n in range(2)) + 100 * 3_600
    # Where an exchange is worse than what the meter has, it goes on for another hour.
    assert np.abs(day.error_us).max() <= most_us + 100 * 3_600
    assert not day.doubtful[:, 4:].any()
    assert run.figures()["exchanges"] == 24


def test_an_exchange_worse_than_what_is_known_changes_nothing() -> None:
    zone = Zone(lambda n: (0, 0) if n == 0 else (8e6, 0))
    run = clocks(drift_ppm=1, sync_every_s=3_600)

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=zone)

    assert np.abs(day.error_us).max() < 1e6


@given(
    delays=st.lists(st.tuples(st.floats(0, 2e7), st.floats(0, 2e7)), min_size=1, max_size=8),
    drift_ppm=st.floats(0, 2_000),
    off=st.floats(0, 1),
)
def test_no_reading_that_is_off_by_more_than_the_limit_goes_unmarked(
    delays: list[tuple[float, float]], drift_ppm: float, off: float
) -> None:
    run = clocks(off=off, drift_ppm=drift_ppm, sync_every_s=7_200, limit_s=5.0)
    zone = Zone(lambda n: delays[n % len(delays)])

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=zone)

    # A rounding error's worth of the two sums that are compared.
    wrong = np.abs(day.error_us) > 5e6 + 1
    assert not (wrong & ~day.doubtful).any()


def test_meters_that_nobody_tells_the_time_doubt_everything() -> None:
    run = clocks(drift_ppm=1, sync_every_s=3_600)

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Silent())

    assert day.doubtful.all()
    assert run.figures()["failed"] == {"no-answer": 24}


def test_the_interval_in_which_a_clock_was_changed_by_more_than_the_limit_is_marked() -> None:
    run = clocks(off=1.0, drift_ppm=0, sync_every_s=43_200, limit_s=1e-6)

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Zone(lambda _: (0, 0)))

    marked = np.zeros_like(day.doubtful)
    marked[:, 0] = True
    assert (day.doubtful == marked).all()


def test_a_wrong_start_is_up_to_the_faults_most() -> None:
    run = clocks(off=0.5)

    day = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Silent())

    wrong = np.abs(day.error_us[:, 0])
    assert 0 < np.count_nonzero(wrong) < METERS
    assert wrong.max() <= MOST_DRIFT_S * 1e6
    # Who was set by hand believes that it is right.
    assert not day.doubtful.any()


def test_readings_are_stamped_and_marked_by_their_own_meters_clock() -> None:
    run = clocks(off=1.0, drift_ppm=0)
    energy = np.zeros((METERS, 96), dtype=np.int32)
    registers = [RegisterDay(register="1-0:1.8.0", rows=np.arange(METERS), energy_wh=energy)]
    clean = whole_day(registers=registers, day=DAY, interval_s=900, first_cell=0)
    by_clock = run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Silent())
    by_clock.doubtful[3, 5] = True

    stamped, marked = by_clock.deliver(clean)

    seconds = stamped.instant_s - clean.instant_s
    assert (seconds == np.repeat(by_clock.error_us[:, 0] / 1e6, 96)).all()
    assert marked == 1
    (place,) = np.flatnonzero(stamped.quality)
    assert (stamped.meter[place], stamped.wave[place]) == (3, 5)
    assert stamped.quality[place] == QUESTIONABLE


def test_equal_seeds_make_equal_clocks() -> None:
    first, again = clocks(off=0.3, drift_ppm=50), clocks(off=0.3, drift_ppm=50)

    one = first.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Silent())
    other = again.day(first_s=MIDNIGHT_S, interval_s=900, exchange=Silent())

    assert (one.error_us == other.error_us).all()


@pytest.mark.parametrize(
    "figures",
    [{"drift_ppm": -1.0}, {"sync_every_s": -1}, {"limit_s": 0.0}],
    ids=["drift", "time_between", "limit"],
)
def test_a_plan_that_cannot_be_is_refused(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        ClockPlan(**figures)  # type: ignore[arg-type]  # whole seconds among the figures
