"""The same slots of many meters of one register and day, as a matrix out of the strips."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.command import pack_each
from storage.hot.keys import strip_key
from storage.hot.places import NO_PLACE, SeriesPlaces
from storage.hot.strips import METERS_A_STRIP
from storage.model.block import PRESENT, SLOT

_CALL_BYTES: Final = 1 << 20
_MOST_STRIPS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strips:
    """Slots of strips, (strips, slots, meters of a strip), and where whose are.

    Row `rows[i]` of what was asked for is in strip `which[i]`, its meter number `within[i]`.
    """

    strips: NDArray[np.void]
    rows: NDArray[np.intp]
    which: NDArray[np.intp]
    within: NDArray[np.int64]


class HotCells:
    """Reads parts of strips for whoever looks at many meters at once."""

    def __init__(self, *, slug: str, places: SeriesPlaces) -> None:
        self._slug = slug
        self._places = places

    async def read(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.void]:
        """Slots of each meter, (meters, slots) of dtype `SLOT`; zeros where nothing is stored.

        Raises:
            StoreUnavailable: no answer in time.
        """
        work = partial(self._read, meters, register, day, interval_s, slots)
        found = await self._places.keep_to(work)
        cells = np.zeros((len(meters), len(slots)), dtype=SLOT)
        if found is not None:
            cells[found.rows] = found.strips[found.which, :, found.within]
        return cells

    async def ever_stored(self, meters: Sequence[str], *, register: str) -> NDArray[np.bool_]:
        """Of which of the meters anything was ever stored here: (meters,).

        Raises:
            StoreUnavailable: no answer in time.
        """
        found = await self._places.keep_to(partial(self._places.of_meters, meters, register))
        stored: NDArray[np.bool_] = found.places != NO_PLACE
        return stored

    async def read_presence(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.bool_]:
        """Which slots of each meter have a value, (meters, slots): a twelfth of what `read` moves.

        Raises:
            StoreUnavailable: no answer in time.
        """
        work = partial(self._read, meters, register, day, interval_s, slots)
        found = await self._places.keep_to(work)
        present = np.zeros((len(meters), len(slots)), dtype=np.bool_)
        if found is not None:
            there = (found.strips["flags"] & PRESENT) != 0
            present[found.rows] = there[found.which, :, found.within]
        return present

    async def _read(
        self, meters: Sequence[str], register: str, day: int, interval_s: int, slots: range
    ) -> _Strips | None:
        found = await self._places.of_meters(meters, register)
        placed = np.flatnonzero(found.places != NO_PLACE)
        if not len(placed) or not len(slots):
            return None
        places = found.places[placed]
        strips, which = np.unique(places // METERS_A_STRIP, return_inverse=True)
        width = METERS_A_STRIP * SLOT.itemsize
        first, last = slots.start * width, slots.stop * width - 1
        size = len(slots) * width
        held: NDArray[np.uint8] | None = None
        step = max(1, min(_MOST_STRIPS, _CALL_BYTES // size))
        names = [
            strip_key(self._slug, day=day, interval_s=interval_s, register=register, strip=strip)
            for strip in strips.tolist()
        ]
        for begin in range(0, len(names), step):
            some = names[begin : begin + step]
            ranges = pack_each(("GETRANGE",), some, (first, last))
            parts = cast(list[bytes], await self._places.read(ranges, token=found.token))
            if not any(parts):
                continue
            if held is None:
                held = np.zeros((len(strips), size), dtype=np.uint8)
            if all(len(part) == size for part in parts):
                joined = np.frombuffer(b"".join(parts), dtype=np.uint8)
                held[begin : begin + len(some)] = joined.reshape(len(some), size)
                continue
            for at, part in enumerate(parts, begin):
                held[at, : len(part)] = np.frombuffer(part, dtype=np.uint8)
        if held is None:
            return None
        return _Strips(
            strips=held.view(SLOT).reshape(len(strips), len(slots), METERS_A_STRIP),
            rows=placed,
            which=which,
            within=places % METERS_A_STRIP,
        )
