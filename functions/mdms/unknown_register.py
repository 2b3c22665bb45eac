"""Unknown Register: a meter measures only what the registry says it does."""

import numpy as np
from numpy.typing import NDArray

from functions.mdms.meter_table import MeterTable


def unknown_register(
    *,
    meters: MeterTable,
    position: NDArray[np.int64],
    registers: list[str],
    register: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Mask the runs of known meters that name a register which their meter does not have.

    `position` is each run's place in `meters`, `register` its index into `registers`: (runs,).
    """
    held = meters.has_register(position=position, registers=registers, register=register)
    return (position >= 0) & ~held
