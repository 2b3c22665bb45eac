"""A block that two tiers hold parts of: when to ask the other one, and how both are joined."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT
from storage.model.event_block import EVENT
from storage.model.quality import CLASS_OF_QUALITY

NEVER: Final = -1
"""The last day of which something was dropped, in a zone that has dropped nothing."""


def must_ask(held: NDArray[np.void] | None, *, day: int, dropped_through: int) -> bool:
    """Whether the tier below may know more of a block than the slots `held` here, None for none.

    A block with gaps of a day up to `dropped_through` may be what came in after the day's block was
    dropped. One of a later day is all that this zone ever had.
    """
    if held is None:
        return True
    return day <= dropped_through and not bool(((held["flags"] & PRESENT) != 0).all())


def joined(held: NDArray[np.void], recalled: NDArray[np.void]) -> NDArray[np.void]:
    """Slots of both tiers: the ones held here, and from below what is absent or outranked here.

    Of two values of one class the one held here stands: it was acknowledged here last.
    """
    from_below = _outranks(recalled, held)
    slots = np.where(from_below, recalled, held)
    return _with_raw(slots, held)


def joined_events(held: NDArray[np.void], recalled: NDArray[np.void]) -> NDArray[np.void]:
    """Events (dtype `EVENT`) of both tiers by instant, each one as `joined` would have it."""
    at = np.union1d(held["at"], recalled["at"])
    here, below = (np.zeros(len(at), dtype=EVENT) for _ in range(2))
    here["at"] = below["at"] = at
    here[np.searchsorted(at, held["at"])] = held
    below[np.searchsorted(at, recalled["at"])] = recalled
    return joined(here, below)


def _outranks(recalled: NDArray[np.void], held: NDArray[np.void]) -> NDArray[np.bool_]:
    below = (recalled["flags"] & PRESENT) != 0
    here = (held["flags"] & PRESENT) != 0
    higher = CLASS_OF_QUALITY[recalled["quality"]] > CLASS_OF_QUALITY[held["quality"]]
    outranks: NDArray[np.bool_] = below & (~here | higher)
    return outranks


def _with_raw(slots: NDArray[np.void], held: NDArray[np.void]) -> NDArray[np.void]:
    metered = (held["flags"] & HAS_RAW) != 0
    slots["raw"][metered] = held["raw"][metered]
    slots["flags"][metered] |= HAS_RAW
    return slots
