"""Unknown Quality: the quality must be a Green Button `QualityOfReading` number."""

import numpy as np
from numpy.typing import NDArray

from storage.model.quality import KNOWN_QUALITY


def unknown_quality(quality: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask the readings whose quality is no known number: (readings,)."""
    fits = (quality >= 0) & (quality < len(KNOWN_QUALITY))
    known: NDArray[np.bool_] = KNOWN_QUALITY[np.where(fits, quality, 0)]
    return ~fits | ~known
