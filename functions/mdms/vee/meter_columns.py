"""The registry as validation asks for it: which group is for a meter, and whether it is used."""

import numpy as np

from functions.mdms.meter_table import MeterTable
from functions.mdms.vee.group_choice import GroupChoice


class MeterColumns:
    """Columns by a table's positions: `group` indexes the choice's sets, `active` is in use."""

    def __init__(self, table: MeterTable, choice: GroupChoice) -> None:
        """Made once for a version of the registry and of the rules."""
        self._of = table, choice
        self.group = choice.indexes_of(table.meters)
        self.active = np.array([meter.active for meter in table.meters], dtype=np.bool_)

    def are_of(self, table: MeterTable, choice: GroupChoice) -> bool:
        """Whether nothing has changed since."""
        return self._of[0] is table and self._of[1] is choice
