"""Hypothesis strategies for versions of one block's slots, and their columns."""

import numpy as np
from hypothesis import strategies as st

from storage.model.block import Versions
from storage.model.quality import Quality

SLOTS = 4
EDGES = ("zone-3a", "zone-3b", "zone-3c")
Version = tuple[int, int, int, int, int]
"""slot, value, quality, sequence, edge"""

versions = st.lists(
    st.tuples(
        st.integers(0, SLOTS - 1),
        st.integers(-(2**31), 2**31 - 1),
        st.sampled_from(
            [Quality.VALID, Quality.RAW, Quality.EDITED, Quality.ESTIMATED, Quality.INTERPOLATED]
        ).map(int),
        st.integers(1, 6) | st.integers(1, 2**62),
        st.integers(0, len(EDGES) - 1),
    ),
    max_size=30,
    # A stamp names a slot once: the edge takes a slot once in a step.
    unique_by=lambda version: (version[0], version[3], version[4]),
)


def columns(rows: list[Version]) -> Versions:
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Versions(
        slot=table[:, 0].astype(np.int32),
        value=table[:, 1].astype(np.int32),
        quality=table[:, 2].astype(np.uint8),
        sequence=table[:, 3],
        edge=table[:, 4].astype(np.uint8),
    )
