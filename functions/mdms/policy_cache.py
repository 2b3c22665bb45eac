"""The technical policy of the rules and the registry that hold, made anew when either changes."""

import logging
from collections.abc import Awaitable, Callable

from functions.mdms.meter_table import MeterTable
from functions.mdms.reading_time import ReadingTime
from functions.mdms.technical_policy import TechnicalPolicy, technical_policy
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.rule_group import BadRule
from storage.model.rule_groups import ActiveRules
from storage.ports import StoreUnavailable

logger = logging.getLogger(__name__)


class PolicyCache:
    """Gives what holds for readings of a registry's meters."""

    def __init__(
        self, active_rules: Callable[[], Awaitable[ActiveRules]], *, time: ReadingTime
    ) -> None:
        """`time` holds where no group says anything of it."""
        self._active_rules = active_rules
        self._time = time
        self._rules = ActiveRules()
        self._table: MeterTable | None = None
        self._policy: TechnicalPolicy | None = None

    async def of(self, table: MeterTable) -> TechnicalPolicy | None:
        """The policy by the table's positions; None when no group says anything."""
        try:
            rules = await self._active_rules()
        except StoreUnavailable:
            # Readings need not wait for rules; those of before hold on.
            rules = self._rules
        if table is not self._table or rules.version != self._rules.version:
            self._table, self._rules = table, rules
            try:
                self._policy = technical_policy(table, GroupChoice(rules), time=self._time)
            except BadRule:
                logger.exception("rule groups of version %d cannot be read here", rules.version)
                self._policy = None
        return self._policy
