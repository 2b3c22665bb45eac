"""The rule groups that hold now, read once for each of their versions."""

import logging
from collections.abc import Awaitable, Callable

from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.rule_group import BadRule
from storage.model.rule_groups import ActiveRules

logger = logging.getLogger(__name__)


class ActiveChoice:
    """Follows `active_rules`; groups that cannot be read leave those before them in force."""

    def __init__(self, active_rules: Callable[[], Awaitable[ActiveRules]]) -> None:
        self._active_rules = active_rules
        self._choice: GroupChoice | None = None

    async def now(self) -> GroupChoice:
        """What holds now.

        Raises:
            StoreUnavailable: as `active_rules`.
        """
        active = await self._active_rules()
        if self._choice is None or self._choice.version != active.version:
            try:
                self._choice = GroupChoice(active)
            except BadRule:
                # Made by a newer version than this one; what held before holds on.
                logger.exception("rule groups of version %d cannot be read here", active.version)
                if self._choice is None:
                    self._choice = GroupChoice(ActiveRules(version=active.version))
        return self._choice
