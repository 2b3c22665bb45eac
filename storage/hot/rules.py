"""A tenant's active rule groups as the zone last pulled them from its parent."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.hot.keys import rules_key
from storage.hot.library import RULES_APPLY
from storage.model.rule_groups import ActiveRules, decode_rules, encode_rules

CHECK_S: Final = 1.0


class HotRules:
    """Durable copy of a tenant's rules in the zone's Redis, as the tenant's user."""

    def __init__(
        self,
        connection: HotConnection,
        *,
        slug: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The copy is empty, version 0, until the first `apply`."""
        self._connection = connection
        self._slug = slug
        self._clock = clock
        self._held = (0, ActiveRules())
        self._checked_at: float | None = None
        self._reading = asyncio.Lock()

    async def apply(self, rules: ActiveRules, *, incarnation: int) -> None:
        """Hold `rules` unless newer ones, or those of a newer registry, are held.

        Raises:
            StoreFull, StoreUnavailable: as `HotConnection.call`; repeating is harmless.
        """
        arguments = (incarnation, rules.version, encode_rules(rules))
        key = rules_key(self._slug)
        await self._connection.call("FCALL", RULES_APPLY, 1, key, arguments)
        self._checked_at = None

    async def active(self) -> ActiveRules:
        """What holds here, looked up at most `CHECK_S` ago.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        async with self._reading:
            if self._checked_at is None or self._clock() - self._checked_at >= CHECK_S:
                self._held = await self._read()
                self._checked_at = self._clock()
            return self._held[1]

    async def of(self, incarnation: int) -> ActiveRules:
        """What is held now of that registry, none when it is of another.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        held, rules = await self._read()
        return rules if held == incarnation else ActiveRules()

    async def _read(self) -> tuple[int, ActiveRules]:
        record = cast(bytes | None, await self._connection.call("GET", rules_key(self._slug)))
        if record is None:
            return 0, ActiveRules()
        incarnation, _, rules = record.split(b" ", 2)
        return int(incarnation), decode_rules(rules)
