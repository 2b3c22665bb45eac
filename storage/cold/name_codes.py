"""Numbers for names, shared by many batches."""

import numpy as np
from numpy.typing import NDArray


class NameCodes:
    """Gives each name the next number when it first comes."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, names: list[str]) -> NDArray[np.int32]:
        """The numbers of `names`."""
        known = self._codes
        return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int32)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._codes)

    def names(self) -> list[str]:
        """The names by their numbers."""
        return list(self._codes)
