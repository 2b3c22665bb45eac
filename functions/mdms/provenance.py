"""Where the blocks of an answer came from, how old the data behind them is, and what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import BlockKey
from storage.model.event_block import EventKey

Key = BlockKey | EventKey
HOT: Final = "hot"
COLD: Final = "cold"
BOTH: Final = "hot+cold"


@dataclass(frozen=True, slots=True)
class Origin:
    """`source` is hot, cold or archive; `zone` has it; `as_of_us` as in `storage.model.recall`."""

    source: str
    zone: str
    as_of_us: int = 0


@dataclass(slots=True)
class Provenance:
    """Filled while an answer is read; a block that is nowhere has no origin."""

    origins: dict[Key, Origin] = field(default_factory=dict)
    missing: dict[Key, str] = field(default_factory=dict)
    lacking: dict[Key, NDArray[np.int64]] = field(default_factory=dict)
    """Of a virtual meter's blocks: how many parts of each slot had no value."""

    def came(self, keys: Iterable[Key], origin: Origin) -> None:
        """Note where blocks came from."""
        self.origins.update(dict.fromkeys(keys, origin))

    @property
    def source(self) -> str:
        """Of the whole answer: hot, cold, hot+cold, or nothing when there is none."""
        kinds = {HOT if one.source == HOT else COLD for one in self.origins.values()}
        return BOTH if len(kinds) > 1 else kinds.pop() if kinds else ""

    def said(self, otherwise: str) -> str:
        """The source of the whole answer, or what an answer with nothing in it says."""
        return self.source or otherwise

    def age_s(self, now_s: float) -> float | None:
        """Age of the newest acknowledged data behind the part that is furthest behind."""
        known = [one.as_of_us for one in self.origins.values() if one.as_of_us]
        return round(max(0.0, now_s - min(known) / 1e6), 3) if known else None
