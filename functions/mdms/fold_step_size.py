"""How much of the tail one step of the fold takes."""

from dataclasses import dataclass
from typing import Final

from storage.ports import FoldStep

FIRST_READINGS: Final = 50_000


@dataclass(slots=True, kw_only=True)
class FoldStepSize:
    """Entries and readings to take and slots to write, as steps before it showed.

    A step holds what it takes from the tail in memory, and leaves there what goes beyond the slots
    that it may write. So it takes as many readings as these had room for in the step before: all
    of a tail that fills few blocks, a small part of one with a block for each reading.
    """

    most_entries: int
    most_readings: int
    most_slots: int
    readings: int = FIRST_READINGS
    _halvings: int = 0

    @property
    def entries(self) -> int:
        """Entries to take."""
        return max(1, self.most_entries >> self._halvings)

    @property
    def slots(self) -> int:
        """Slots of blocks to write."""
        return max(1, self.most_slots >> self._halvings)

    def took_too_long(self) -> None:
        """Halve what a step takes and writes."""
        self._halvings = min(self._halvings + 1, self.most_slots.bit_length())
        self.readings = max(1, self.readings // 2)

    def ended(self, step: FoldStep) -> None:
        """Learn from a step; after one that was halved, double the slots again."""
        self._halvings = max(0, self._halvings - 1)
        if step.slots:
            fit = step.readings * self.slots // step.slots
            self.readings = min(max(1, fit), self.most_readings)
