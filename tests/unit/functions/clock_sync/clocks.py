"""A machine whose clocks a test turns."""

from dataclasses import dataclass


@dataclass(slots=True)
class HandClock:
    """Both clocks of a machine, in microseconds; nobody else moves them."""

    wall: int = 1_767_225_600_000_000
    steady: int = 5_000_000_000
    started: str = "monday"

    def wall_us(self) -> int:
        """Return the wall clock."""
        return self.wall

    def steady_us(self) -> int:
        """Return the steady clock."""
        return self.steady

    def boot(self) -> str:
        """Name the machine's start."""
        return self.started

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.wall += round(seconds * 1e6)
        self.steady += round(seconds * 1e6)
