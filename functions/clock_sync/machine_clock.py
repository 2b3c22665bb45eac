"""The machine's clocks, which are read and never set."""

import time
from typing import Protocol


class MachineClock(Protocol):
    """What a machine offers, in microseconds since 1970."""

    def wall_us(self) -> int:
        """Return the system clock, which an operator or another program may set at any time."""

    def steady_us(self) -> int:
        """Return a clock that nobody sets; it began at the wall clock's time."""


class SystemClock:
    """This machine's."""

    def __init__(self) -> None:
        self._begin_ns = time.time_ns() - time.monotonic_ns()

    def wall_us(self) -> int:
        """As `MachineClock`."""
        return time.time_ns() // 1000

    def steady_us(self) -> int:
        """As `MachineClock`."""
        return (self._begin_ns + time.monotonic_ns()) // 1000
