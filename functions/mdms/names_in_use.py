"""The names that a part of a body uses, in their order."""

import numpy as np
from numpy.typing import NDArray


def only_used(names: list[str], index: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names that `index` points at, and `index` into those."""
    if len(names) == 1:
        return names, index
    used = np.bincount(index, minlength=len(names)) > 0
    if used.all():
        return names, index
    new_index: NDArray[np.int64] = (np.cumsum(used) - 1)[index]
    return [names[at] for at in np.flatnonzero(used).tolist()], new_index
