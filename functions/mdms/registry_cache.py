"""The registry in the worker's memory: read once, then kept up by its version."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from functions.mdms.meter_table import MeterTable
from storage.model.meter import Meter, RegistryPosition
from storage.ports import StoreUnavailable

RECHECK_S: Final = 0.05
"""Unknown meters may ask for the version this often, so that they cannot flood the store."""

logger = logging.getLogger(__name__)


class RegistrySource(Protocol):
    """Where a zone reads its meters from."""

    async def position(self) -> RegistryPosition:
        """Position of the last change, zeros when nothing was ever registered.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    async def load_all(self) -> tuple[RegistryPosition, dict[str, Meter]]:
        """Every meter by id, at least as new as the position returned with them.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """


class RegistryCache:
    """Gives the newest `MeterTable` that a bounded rate of version checks allows."""

    def __init__(
        self,
        source: RegistrySource,
        *,
        check_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._check_s = check_s
        self._clock = clock
        self._table: MeterTable | None = None
        self._checked_at = 0.0
        self._refreshing = asyncio.Lock()

    async def table(self) -> MeterTable:
        """The registry, checked for changes at most `check_s` seconds ago.

        Raises:
            StoreUnavailable: it was never read and cannot be read now.
        """
        return await self._not_older_than(self._check_s)

    async def recheck(self) -> MeterTable:
        """The registry as it is now (bounded by `RECHECK_S`): ask before refusing a meter.

        Raises:
            StoreUnavailable: as `table`.
        """
        return await self._not_older_than(min(RECHECK_S, self._check_s))

    async def _not_older_than(self, age_s: float) -> MeterTable:
        table = self._table
        if table is not None and self._clock() - self._checked_at < age_s:
            return table
        async with self._refreshing:
            table = self._table
            if table is not None and self._clock() - self._checked_at < age_s:
                return table
            try:
                table = await self._refresh(table)
            except StoreUnavailable:
                if table is None:
                    raise
                # Readings of known meters need not wait for the registry.
                logger.warning("the registry cannot be checked; version %d stays", table.version)
            self._table = table
            self._checked_at = self._clock()
            return table

    async def _refresh(self, table: MeterTable | None) -> MeterTable:
        if table is not None and await self._source.position() == table.position:
            return table
        (incarnation, version), meters = await self._source.load_all()
        return MeterTable(meters.values(), version=version, incarnation=incarnation)
