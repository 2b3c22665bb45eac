"""A zone's time: headquarters' own, or computed from what the parent answers."""

from dataclasses import dataclass
from typing import Final, Protocol

from functions.clock_sync.clock_filter import ClockFilter
from functions.clock_sync.exchange import PRECISION_US, Sample
from functions.clock_sync.machine_clock import MachineClock
from functions.clock_sync.standing import UNSYNCHRONISED, Standing

FIRST_STRATUM: Final = 1


class ZoneClock(Protocol):
    """What the zone tells its children and meters."""

    def now_us(self) -> int:
        """Return the zone's time in microseconds since 1970; it may step back at a correction."""

    def steady_us(self) -> int:
        """Return a clock for durations, which is never corrected."""

    def standing(self) -> Standing:
        """Say how good the zone's time is now."""


class HeadquartersClock:
    """The time by definition: this machine's system clock, stratum 1.

    `error_us` is how far from UTC its operator says that it may be.
    """

    def __init__(self, machine: MachineClock, *, error_us: int) -> None:
        self._machine = machine
        self._error_us = error_us

    def now_us(self) -> int:
        """As `ZoneClock`."""
        return self._machine.wall_us()

    def steady_us(self) -> int:
        """As `ZoneClock`."""
        return self._machine.steady_us()

    def standing(self) -> Standing:
        """As `ZoneClock`; it always knows the time."""
        return Standing(
            stratum=FIRST_STRATUM,
            reference=None,
            offset_us=0,
            delay_us=0,
            jitter_us=0.0,
            root_delay_us=0,
            root_dispersion_us=float(self._error_us + PRECISION_US),
            heard_us=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The sample that counts, against the steady clock, and the zones that it is from and makes."""

    sample: Sample
    reference: str
    stratum: int


class FollowingClock:
    """The parent's time, computed: a steady clock plus the offset of the filter's best sample.

    The machine's system clock is never touched, and setting it does not change what is told here.
    Cut off, the clock runs on as its machine does (holdover), and says that it may be wrong by
    `tolerance_ppm` of the time since; beyond `max_distance_us` it no longer claims to know.
    """

    def __init__(
        self, machine: MachineClock, *, tolerance_ppm: float, max_distance_us: float
    ) -> None:
        self._machine = machine
        self._tolerance_ppm = tolerance_ppm
        self._max_distance_us = max_distance_us
        self._filter = ClockFilter(tolerance_ppm=tolerance_ppm)
        self._best: Sample | None = None
        self._reference: str | None = None
        self._stratum = UNSYNCHRONISED
        self._heard_steady_us: int | None = None
        self._untold_us = machine.wall_us() - machine.steady_us()

    def take(self, sample: Sample, *, reference: str, stratum: int) -> None:
        """Learn from an exchange with the zone `reference`, itself of `stratum`.

        `sample` is against the steady clock of the machine.
        """
        self._filter = self._filter.taken(sample)
        self._best = self._filter.best(sample.at_us)
        self._reference = reference
        self._stratum = min(stratum + 1, UNSYNCHRONISED)
        self._heard_steady_us = sample.at_us

    def now_us(self) -> int:
        """As `ZoneClock`; the machine's own time as long as no exchange has succeeded."""
        return self._machine.steady_us() + self._correction_us

    def steady_us(self) -> int:
        """As `ZoneClock`."""
        return self._machine.steady_us()

    @property
    def known(self) -> Known | None:
        """What the time is computed from; None as long as no exchange has succeeded."""
        if self._best is None or self._reference is None:
            return None
        return Known(sample=self._best, reference=self._reference, stratum=self._stratum)

    def standing(self) -> Standing:
        """As `ZoneClock`."""
        steady_us, best = self._machine.steady_us(), self._best
        told_us = steady_us + self._correction_us
        if best is None or self._heard_steady_us is None:
            return Standing(
                stratum=UNSYNCHRONISED,
                reference=None,
                offset_us=0,
                delay_us=0,
                jitter_us=0.0,
                root_delay_us=0,
                root_dispersion_us=0.0,
                heard_us=None,
            )
        distance_us = best.distance_us(now_us=steady_us, tolerance_ppm=self._tolerance_ppm)
        root_delay_us = best.delay_us + best.root_delay_us
        return Standing(
            stratum=self._stratum if distance_us <= self._max_distance_us else UNSYNCHRONISED,
            reference=self._reference,
            offset_us=told_us - self._machine.wall_us(),
            delay_us=best.delay_us,
            jitter_us=self._filter.jitter_us(steady_us),
            root_delay_us=root_delay_us,
            root_dispersion_us=distance_us - root_delay_us / 2,
            heard_us=self._heard_steady_us + self._correction_us,
        )

    @property
    def _correction_us(self) -> int:
        return self._untold_us if self._best is None else self._best.offset_us
