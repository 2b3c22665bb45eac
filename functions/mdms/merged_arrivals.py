"""Several bodies as one, so that rules and store look at them together."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.series_body import Brought, SeriesBody, columns_of_bodies, columns_of_body


def merge_arrivals(bodies: Sequence[Arrivals]) -> Arrivals:
    """Lay the readings of `bodies` one after another; a single body is returned as it is.

    What was wrong with a body's form (`error`), and whether it was a list, stays with the body.
    """
    if len(bodies) == 1:
        return bodies[0]
    meters, of_meter = _join([body.meters for body in bodies])
    registers, of_register = _join([body.registers for body in bodies])
    return Arrivals(
        meters=meters,
        registers=registers,
        series_length=np.concatenate([body.series_length for body in bodies]),
        run_meter=_moved([body.run_meter for body in bodies], of_meter),
        run_register=_moved([body.run_register for body in bodies], of_register),
        run_interval_s=np.concatenate([body.run_interval_s for body in bodies]),
        run_start_us=np.concatenate([body.run_start_us for body in bodies]),
        run_length=np.concatenate([body.run_length for body in bodies]),
        values=np.concatenate([body.values for body in bodies]),
        quality=np.concatenate([body.quality for body in bodies]),
        fault=np.concatenate([body.fault for body in bodies]),
    )


def columns_together(bodies: Sequence[Brought]) -> Arrivals:
    """As `merge_arrivals`, of bodies some of which may not be laid out yet."""
    series = [body for body in bodies if isinstance(body, SeriesBody)]
    if len(series) == len(bodies):
        return columns_of_bodies(series)
    return merge_arrivals([columns_of_body(body) for body in bodies])


def _join(names: list[list[str]]) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Return every name once, and for each of the lists where its names are among them."""
    every = dict.fromkeys(chain.from_iterable(names))
    total = sum(len(one) for one in names)
    if len(every) == total:
        place = np.arange(total, dtype=np.int64)
    else:
        index = dict(zip(every, range(len(every)), strict=True))
        place = np.fromiter(
            map(index.__getitem__, chain.from_iterable(names)), dtype=np.int64, count=total
        )
    places = []
    begin = 0
    for one in names:
        places.append(place[begin : begin + len(one)])
        begin += len(one)
    return list(every), places


def _moved(columns: list[NDArray[np.int64]], places: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([place[index] for index, place in zip(columns, places, strict=True)])
