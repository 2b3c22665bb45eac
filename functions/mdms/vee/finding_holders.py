"""Who in a zone has findings, told without reading what these are."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.held_findings import HeldRun
from functions.mdms.vee.name_table import NameTable


class FindingHolders:
    """Who has findings, and of which rules: nobody is missing, some may have lost theirs since, and
    of very many some never had any. Memory has a bound, a table a rule."""

    def __init__(self) -> None:
        self._any = NameTable()
        self._of_rule: defaultdict[str, NameTable] = defaultdict(NameTable)
        self._added = self._at_first = 0

    def add(self, meter_id: str, runs: Sequence[HeldRun]) -> None:
        """A meter has these."""
        if runs:
            self._added += 1
            self._any.add(meter_id)
        for run in runs:
            self._of_rule[run.rule].add(meter_id)

    def all_added(self) -> None:
        """Everything that is held was added; what is added from now on may replace some of it."""
        self._at_first, self._added = self._added, 0

    def are_worn(self, least: int) -> bool:
        """Whether most may have lost theirs: twice as many were added as at first, and `least`."""
        return self._added > max(least, 2 * self._at_first)

    def __contains__(self, meter_id: str) -> bool:
        """Whether the meter has any."""
        return meter_id in self._any

    def mask(self, meters: Sequence[str], rules: AbstractSet[str]) -> NDArray[np.bool_]:
        """Which of the meters have findings of one of the rules: (meters,)."""
        found = np.zeros(len(meters), dtype=np.bool_)
        for rule in rules:
            if rule in self._of_rule:
                found |= self._of_rule[rule].mask(meters)
        return found
