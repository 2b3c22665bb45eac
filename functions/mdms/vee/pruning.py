"""Which findings are of days that a zone has dropped: they go, as their readings have."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from functions.mdms.vee.held_findings import BlockName, read_name
from functions.mdms.vee.register_judging import ReadReader
from storage.model.block import BlockKey

_AT_ONCE: Final = 500


class Pruning:
    """Findings of UTC days up to `through` that no block of the zone's stands behind any more."""

    def __init__(self, blocks: ReadReader, *, through: int) -> None:
        self._blocks = blocks
        self._through = through

    async def gone(self, held: AsyncIterator[tuple[str, bytes]]) -> AsyncIterator[list[str]]:
        """Their names, some at a time, of all that are `held` by name.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        old = dict.fromkeys(
            [name async for name, _ in held if read_name(name).day <= self._through]
        )
        names = [read_name(name) for name in old]
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            there = await self._there(some)
            if gone := [name.text for name in some if name not in there]:
                yield gone

    async def _there(self, names: Iterable[BlockName]) -> set[BlockName]:
        """Those whose block is still here: of register reads none is taken to be."""
        keys = {
            BlockKey(name.meter_id, name.register, name.day, name.interval_s): name
            for name in names
            if name.interval_s
        }
        return {keys[key] for key in await self._blocks.read(list(keys))}
