"""How a running command tells what it is doing, whoever shows it."""

from typing import Protocol


class Reporter(Protocol):
    """Receives steps and progress; must not fail."""

    def step(self, text: str) -> None:
        """A new step begins."""

    def progress(self, done: int, total: int) -> None:
        """The current step has done so much."""
