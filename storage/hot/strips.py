"""Strips: the slots of some meters' register on one day, side by side in one string.

Readings come in two ways, an instant of many meters and a meter's day. A string a meter-day makes
the first a hundred small writes; a strip has a slot's cells of its meters together, and a meter's
cells `METERS_A_STRIP` apart, so that both ways are few ranges.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import PRESENT, SLOT

METERS_A_STRIP: Final = 8


def block_of(strip: bytes, place: int) -> NDArray[np.void]:
    """The slots (dtype `SLOT`) of the series at `place` among those of the strip."""
    cells = np.frombuffer(strip, dtype=SLOT).reshape(-1, METERS_A_STRIP)
    return np.ascontiguousarray(cells[:, place % METERS_A_STRIP])


def holds_values(block: NDArray[np.void]) -> bool:
    """Whether any of its slots holds a value."""
    return bool((block["flags"] & PRESENT).any())
