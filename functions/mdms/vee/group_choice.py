"""Which rule group is for which meter: its transformer's, else its feeder's, else the tenant's."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.rule_group import RuleSet, built_in_group, read_group
from storage.model.meter import Meter
from storage.model.rule_groups import ActiveRules


class GroupChoice:
    """The active groups of a tenant, read once; `sets[0]` is for what no other group is for."""

    def __init__(self, rules: ActiveRules) -> None:
        """Raises BadRule when a group has a rule that this version does not know."""
        self.version = rules.version
        otherwise = built_in_group()
        self._of_feeder: dict[str, int] = {}
        self._of_transformer: dict[str, int] = {}
        sets: list[RuleSet] = []
        for group in rules.groups:
            target = group.applies_to
            if target.transformer is not None:
                self._of_transformer[target.transformer] = len(sets) + 1
            elif target.feeder is not None:
                self._of_feeder[target.feeder] = len(sets) + 1
            else:
                otherwise = group
                continue
            sets.append(read_group(group))
        self.sets: tuple[RuleSet, ...] = (read_group(otherwise), *sets)
        self.fills = any(one.fill is not None for one in self.sets)

    def index_of(self, meter: Meter) -> int:
        """The place in `sets` of the group that is for the meter."""
        if meter.transformer is not None and meter.transformer in self._of_transformer:
            return self._of_transformer[meter.transformer]
        return 0 if meter.feeder is None else self._of_feeder.get(meter.feeder, 0)

    def indexes_of(self, meters: Iterable[Meter]) -> NDArray[np.int64]:
        """`index_of` each: (meters,)."""
        return np.fromiter(map(self.index_of, meters), dtype=np.int64)

    def of(self, meter: Meter) -> RuleSet:
        """The group that is for the meter."""
        return self.sets[self.index_of(meter)]
