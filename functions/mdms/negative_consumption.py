"""Negative Consumption check: energy counted in one direction cannot be negative."""

import re

import numpy as np
from numpy.typing import NDArray

# IEC 62056-61: C = 1 and 2 are active import and export, 3 and 4 reactive, 9 and 10 apparent;
# D = 8 and 29 are time integrals. C = 15 and 16 are sums and differences and may be negative.
_ONE_DIRECTION = re.compile(r"\d+-\d+:(?:1|2|3|4|9|10)\.(?:8|29)\.\d+")


def counts_one_direction(register: str) -> bool:
    """Whether the OBIS code names energy of one direction (import or export, not their net)."""
    return _ONE_DIRECTION.fullmatch(register) is not None


def negative_consumption(
    *, values: NDArray[np.int64], one_direction: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mask the negative readings of one-direction registers; both arrays are (readings,)."""
    return (values < 0) & one_direction
