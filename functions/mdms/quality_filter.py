"""Readings of some qualities only: the others of a query are as if they were not there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.ports import Backing
from functions.mdms.provenance import Provenance
from functions.mdms.tiered_reading import QueryReader
from storage.model.block import BlockKey
from storage.model.event_block import EventKey

_QUALITIES: Final = 256


class QualityFilter:
    """A query's reader without what has another quality than those asked for."""

    def __init__(self, reader: QueryReader, qualities: Sequence[int]) -> None:
        self._reader = reader
        self._wanted = np.zeros(_QUALITIES, dtype=np.bool_)
        self._wanted[list(qualities)] = True

    @property
    def provenance(self) -> Provenance:
        """Where the blocks came from."""
        return self._reader.provenance

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, NDArray[np.void]]:
        """See `BlockReader.read`; slots of other qualities are all zero."""
        found = await self._reader.read(keys)
        return {key: self._only(slots) for key, slots in found.items()}

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, NDArray[np.void]]:
        """See `BlockReader.read_events`; events of other qualities are left out."""
        found = await self._reader.read_events(keys)
        return {key: events[self._wanted[events["quality"]]] for key, events in found.items()}

    def _only(self, slots: NDArray[np.void]) -> NDArray[np.void]:
        kept = slots.copy()
        kept[~self._wanted[slots["quality"]]] = np.zeros((), dtype=slots.dtype)
        return kept


def of_qualities(zone: Backing, qualities: Sequence[int] | None) -> Backing:
    """Return `zone` as a query for `qualities` reads it; None asks for all."""
    if not qualities:
        return zone
    return replace(
        zone,
        open_reader=lambda recall, whole: QualityFilter(zone.open_reader(recall, whole), qualities),
    )
