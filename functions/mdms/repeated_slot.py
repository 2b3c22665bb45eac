"""Repeated Slot: the order among readings of one body that name the same interval."""

import numpy as np
from numpy.typing import NDArray


def occurrence(
    *,
    meter: NDArray[np.int64],
    register: NDArray[np.int64],
    start_s: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each reading, the earlier ones of the same slot; and give the slots' order.

    The arrays are (readings,): meter index below 2**22, register index below 2**8, start of the
    interval in seconds since 1970. Returns (`earlier`, `order`): `earlier` is 0 for the first
    reading of its slot; `order` sorts readings by meter, register and time, so that neighbours
    in time become neighbours, and keeps the body's order within a slot.
    """
    slot = (meter << 40) | (register << 32) | (start_s // 60)
    order = np.argsort(slot, kind="stable")
    in_order = slot[order]
    same = np.zeros(len(slot), dtype=np.bool_)
    same[1:] = in_order[1:] == in_order[:-1]
    earlier = np.zeros(len(slot), dtype=np.int64)
    if same.any():
        place = np.arange(len(slot), dtype=np.int64)
        first = np.maximum.accumulate(np.where(same, 0, place))
        earlier[order] = place - first
    return earlier, order
