"""What cumulative registers show: the sum of their intervals, on dials that roll over."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from meter_emulator.meters import Meters


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRead:
    """One register of the meters `rows` at an instant: `wh` is (rows,), below 10 ** dials."""

    register: str
    rows: NDArray[np.int64]
    wh: NDArray[np.int64]


def reads_at_midnight(
    *, meters: Meters, day: date, installed: date, dials: int = 8, first_wh: int = 0
) -> list[RegisterRead]:
    """Return the registers at the start of UTC `day`, counted from `first_wh` at `installed`.

    The difference of two days' reads is the sum of the intervals between them, modulo the dials.

    Raises:
        ValueError: `day` is before `installed`.
    """
    if day < installed:
        raise ValueError(f"{day} is before the meters were installed on {installed}")
    days = [meters.day(installed + timedelta(days=n)) for n in range((day - installed).days)]
    reads = []
    for number, one in enumerate(days[0] if days else meters.day(installed)):
        counted = np.full(len(one.rows), first_wh, dtype=np.int64)
        for registers in days:
            counted += registers[number].energy_wh.sum(axis=1, dtype=np.int64)
        reads.append(RegisterRead(register=one.register, rows=one.rows, wh=counted % 10**dials))
    return reads
