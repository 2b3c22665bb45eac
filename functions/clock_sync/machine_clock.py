"""The machine's clocks, which are read and never set."""

import time
from pathlib import Path
from typing import Protocol

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class MachineClock(Protocol):
    """What a machine offers, in microseconds."""

    def wall_us(self) -> int:
        """Return the system clock, since 1970, which anybody with the right may set at any time."""

    def steady_us(self) -> int:
        """Return a clock that nobody sets, since some instant of the machine's start."""

    def boot(self) -> str | None:
        """Name the machine's start, from which the steady clock counts; None if nobody knows."""


class SystemClock:
    """This machine's."""

    def wall_us(self) -> int:
        """As `MachineClock`."""
        return time.time_ns() // 1000

    def steady_us(self) -> int:
        """As `MachineClock`."""
        return time.monotonic_ns() // 1000

    def boot(self) -> str | None:
        """As `MachineClock`."""
        try:
            return _BOOT.read_text().strip() or None
        except OSError:
            return None
