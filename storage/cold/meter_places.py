"""Places of meters by name, for names that come in nearly the same order again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

NOT_WANTED: Final = -1


@dataclass(frozen=True, slots=True)
class _Known:
    """Names joined by NUL and ended by one, where each ends, and its place."""

    names: NDArray[np.uint8]
    ends: NDArray[np.intp]
    places: NDArray[np.int64]


class MeterPlaces:
    """Where each of the wanted meters stands."""

    def __init__(self, meters: Sequence[str]) -> None:
        self._meters = meters
        self._known: dict[int, _Known] = {}

    @cached_property
    def _place(self) -> dict[bytes, int]:
        # Made when the first names come, for PostgreSQL is at work by then.
        return {name.encode(): at for at, name in enumerate(self._meters)}

    def places(self, names: bytes, *, group: int) -> NDArray[np.int64]:
        """The place of each of `names`, joined by NUL: `NOT_WANTED` for others.

        Names of one `group` are compared with those that came before in it: only where they differ
        are they looked up.
        """
        joined = np.frombuffer(names + b"\0", dtype=np.uint8)
        before = self._known.get(group)
        if before is not None and np.array_equal(joined, before.names):
            return before.places
        ends = np.flatnonzero(joined == 0)
        if before is not None and np.array_equal(ends, before.ends):
            begins = np.concatenate(([0], ends[:-1] + 1))
            changed = np.flatnonzero(np.logical_or.reduceat(joined != before.names, begins))
            places = before.places.copy()
            between = zip(begins[changed].tolist(), ends[changed].tolist(), strict=True)
            places[changed] = [
                self._place.get(names[begin:end], NOT_WANTED) for begin, end in between
            ]
        else:
            found = (self._place.get(name, NOT_WANTED) for name in names.split(b"\0"))
            places = np.fromiter(found, np.int64, len(ends))
        self._known[group] = _Known(joined, ends, places)
        return places
