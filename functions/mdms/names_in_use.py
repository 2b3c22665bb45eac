"""The names that a part of a body uses, in their order."""

import numpy as np
from numpy.typing import NDArray


def only_used(names: list[str], index: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names that `index` points at, and `index` into those."""
    used, new_index = np.unique(index, return_inverse=True)
    if len(used) == len(names):
        return names, index
    return [names[at] for at in used.tolist()], new_index.astype(np.int64)
