"""What was used between register reads: roll-over by the dials, multiplier of transformers."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_W: Final = 100_000
"""Mean power that no meter counts without instrument transformers: three phases of 145 A."""
_LARGEST: Final = 1 << 62


class Turn(IntEnum):
    """How a register came from one read to the next."""

    FORWARD = 0
    ROLLED_OVER = 1
    BACKWARD = 2
    """It shows less, and no roll-over explains it: a meter exchange, a reset, or a wrong read."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """Between R + 1 reads: `energy_wh` (R,) int64 and the `Turn` of each, `turn` (R,).

    `energy_wh` is 0 where the turn is `BACKWARD`: nothing is known.
    """

    energy_wh: NDArray[np.int64]
    turn: NDArray[np.uint8]


def consumption_between(
    *,
    at_s: NDArray[np.int64],
    values: NDArray[np.int64],
    dials: int,
    multiplier: int,
    most_w: int = MOST_W,
) -> Consumption:
    """The energy in Wh between consecutive reads of one meter.

    `at_s` (R + 1,) are rising instants in seconds since 1970, `values` what the register showed, in
    Wh before the `multiplier` of the instrument transformers. A register of `dials` digits goes
    from 10^dials - 1 to 0: a read that is lower than the one before is a roll-over if what it then
    counted, before the multiplier, needs a mean power of no more than `most_w`; else the register
    went backward. More than one whole turn between two reads cannot be seen.
    """
    delta, seconds = np.diff(values), np.diff(at_s)
    turned = delta + np.int64(10**dials)
    most_wh = (seconds * most_w) // 3_600
    rolled = (delta < 0) & (turned > 0) & (turned <= most_wh)
    backward = (delta < 0) & ~rolled
    counted = np.where(rolled, turned, delta)
    # Beyond what a number holds it is no consumption either.
    backward |= counted > _LARGEST // multiplier
    turn = np.where(rolled, Turn.ROLLED_OVER, Turn.FORWARD)
    return Consumption(
        energy_wh=np.where(backward, 0, counted) * np.int64(multiplier),
        turn=np.where(backward, Turn.BACKWARD, turn).astype(np.uint8),
    )
