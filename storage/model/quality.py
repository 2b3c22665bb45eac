"""Quality of a reading on the wire, and the class that ranks it against others."""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """Green Button `QualityOfReading` (NAESB REQ.21 ESPI), as SERVICES names them."""

    VALID = 0
    EDITED = 7
    ESTIMATED = 8
    INTERPOLATED = 9
    QUESTIONABLE = 10
    DERIVED = 11
    RAW = 14
    VALIDATED = 17
    VERIFIED = 18
    REVENUE = 19


class QualityClass(IntEnum):
    """Rank of a value: an edited one beats an actual one, an actual one an estimate."""

    ESTIMATED = 0
    ACTUAL = 1
    EDITED = 2


CLASS_OF_QUALITY: Final[NDArray[np.uint8]] = np.full(256, QualityClass.ACTUAL, dtype=np.uint8)
CLASS_OF_QUALITY[[Quality.ESTIMATED, Quality.INTERPOLATED]] = QualityClass.ESTIMATED
CLASS_OF_QUALITY[Quality.EDITED] = QualityClass.EDITED
CLASS_OF_QUALITY.setflags(write=False)

KNOWN_QUALITY: Final[NDArray[np.bool_]] = np.zeros(256, dtype=np.bool_)
KNOWN_QUALITY[[q.value for q in Quality]] = True
KNOWN_QUALITY.setflags(write=False)
