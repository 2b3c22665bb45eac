"""Prolonged Estimation: what was estimated for too long is an exception of its own."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.stretches import stretch_lengths

PROLONGED: Final = "prolonged-estimation"


def prolonged_runs(
    estimated: NDArray[np.bool_], *, interval_s: int, longest_hours: int
) -> Iterator[tuple[int, int]]:
    """First interval and length of each run of `estimated` (S,) longer than `longest_hours`."""
    if not len(estimated):
        return
    begins = np.ones(len(estimated), dtype=np.bool_)
    begins[1:] = estimated[1:] != estimated[:-1]
    heads = np.flatnonzero(begins)
    lengths = stretch_lengths(heads, len(estimated))
    long = estimated[heads] & (lengths * interval_s > longest_hours * 3_600)
    yield from zip(heads[long].tolist(), lengths[long].tolist(), strict=True)
