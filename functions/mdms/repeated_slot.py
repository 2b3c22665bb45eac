"""Repeated Slot: the order among readings of one body that name the same interval or instant."""

import numpy as np
from numpy.typing import NDArray


def occurrence(
    *,
    meter: NDArray[np.int64],
    register: NDArray[np.int64],
    of_interval: NDArray[np.bool_],
    start_s: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each reading, the earlier ones of the same identity; and give their order.

    The arrays are (readings,), at least one: meter index below 2**21, register index below 2**8,
    start in seconds since 1970 below 2**33. Returns (`earlier`, `order`): `earlier` is 0 for the
    first reading of its identity; `order` sorts readings by meter, register, kind (register reads
    first) and time, so that neighbours in time become neighbours, and keeps the body's order
    within an identity.
    """
    first_s = int(start_s.min())
    seconds = int(start_s.max()) - first_s + 1
    identity = (meter << 8) | register
    identity = ((identity << 1) | of_interval) * seconds + (start_s - first_s)
    order = np.argsort(identity, kind="stable")
    in_order = identity[order]
    same = np.zeros(len(identity), dtype=np.bool_)
    same[1:] = in_order[1:] == in_order[:-1]
    earlier = np.zeros(len(identity), dtype=np.int64)
    if same.any():
        place = np.arange(len(identity), dtype=np.int64)
        first = np.maximum.accumulate(np.where(same, 0, place))
        earlier[order] = place - first
    return earlier, order
