"""Entries of runs opened many at a time: columns are joined as bytes and checked in one go.

Opening a batch by itself costs some forty steps on small columns, whatever their length.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.cold.name_codes import NameCodes
from storage.cold.piece_columns import PieceColumns
from storage.cold.run_overlap import overlap
from storage.cold.tail import MAX_DAY, names_are_sound
from storage.model.quality import KNOWN_QUALITY
from storage.model.run_wire import ColumnsContradict, RunWire
from storage.model.runs import DAY_S
from storage.model.uplink import UplinkEntry, UplinkUnreadable, unpack_excluded

_SHORTEST_S: Final = 60


_Wire: TypeAlias = RunWire[msgspec.Raw]
_decoder: Final = msgspec.msgpack.Decoder(_Wire)
_names: Final = msgspec.msgpack.Decoder(list[str])


class _NameLists:
    """Lists of names as numbers; senders mostly have few different ones, which come again."""

    def __init__(self, codes: NameCodes) -> None:
        self._codes = codes
        self._known: dict[bytes, tuple[int, int]] = {}
        self._parts: list[NDArray[np.int32]] = []
        self._size = 0

    def place(self, encoded: msgspec.Raw) -> tuple[int, int] | None:
        """Where the list's numbers begin among all, and how many; None of no such list."""
        key = bytes(encoded)
        known = self._known.get(key)
        if known is None:
            try:
                names = _names.decode(key)
            except msgspec.MsgspecError:
                return None
            if len(set(names)) < len(names) or not names_are_sound(names):
                return None
            known = self._known[key] = self._size, len(names)
            self._parts.append(self._codes.codes(names))
            self._size += len(names)
        return known

    def numbers(self) -> NDArray[np.int32]:
        return np.concatenate([np.zeros(0, dtype=np.int32), *self._parts])


class _Opened:
    """The wires that may be sound, with the places of their lists of names."""

    def __init__(self, *, meters: NameCodes, registers: NameCodes) -> None:
        self.wires: list[_Wire] = []
        self.excluded: list[bytes] = []
        self.entry: list[int] = []
        self._lists = _NameLists(meters), _NameLists(registers)
        self._places: tuple[list[tuple[int, int]], list[tuple[int, int]]] = [], []

    def add(self, place: int, entry: UplinkEntry) -> bool:
        """Take the entry in; False when it has to be opened by itself."""
        try:
            wire = _decoder.decode(entry.payload)
            wire.spread()
        except (msgspec.MsgspecError, ColumnsContradict):
            return False
        if not wire.known:
            return False
        meters, registers = (
            lists.place(names)
            for lists, names in zip(self._lists, (wire.meters, wire.registers), strict=True)
        )
        if meters is None or registers is None:
            return False
        self._places[0].append(meters)
        self._places[1].append(registers)
        self.wires.append(wire)
        self.excluded.append(entry.excluded)
        self.entry.append(place)
        return True

    def names(self, which: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of all lists, and of each entry where its own begin, and how many."""
        places = np.array(self._places[which], dtype=np.int64).reshape(-1, 2)
        return self._lists[which].numbers(), places[:, 0], places[:, 1]

    def joined(self, column: str, kind: str) -> NDArray[Any]:
        return np.frombuffer(b"".join([getattr(wire, column) for wire in self.wires]), dtype=kind)


def open_runs(
    entries: Sequence[UplinkEntry], *, meters: NameCodes, registers: NameCodes
) -> tuple[PieceColumns, list[int], list[int]]:
    """Open the entries that are plainly sound runs: their columns, and their places.

    The third answer is the places of the others, in order, for `storage.cold.tail.open_entry`:
    events, what is damaged, and the few that only a closer look can tell from it.
    """
    apart: set[int] = set()
    while True:
        opened = _Opened(meters=meters, registers=registers)
        for place, entry in enumerate(entries):
            if place not in apart and not opened.add(place, entry):
                apart.add(place)
        columns, doubtful = _columns(opened)
        if columns is not None:
            return columns, opened.entry, sorted(apart)
        apart |= {opened.entry[at] for at in doubtful}


def _columns(opened: _Opened) -> tuple[PieceColumns | None, list[int]]:
    """The columns of all entries; or none, and which entries are doubtful."""
    runs = np.array([len(wire.run_register) for wire in opened.wires], dtype=np.int64)
    readings = np.array([len(wire.quality) for wire in opened.wires], dtype=np.int64)
    entry = np.repeat(np.arange(len(runs)), runs)
    meter = opened.joined("run_meter", "<i4")
    register = opened.joined("run_register", "u1")
    interval_s = opened.joined("run_interval_s", "<i4")
    start = opened.joined("run_start", "<i8")
    length = opened.joined("run_length", "<i4")
    quality = opened.joined("quality", "u1")
    excluded, unreadable = _excluded(opened.excluded, readings)
    meter_codes, meters_at, meter_count = opened.names(0)
    register_codes, registers_at, register_count = opened.names(1)

    step = np.maximum(interval_s, 1)
    second = start % DAY_S
    sound = (meter >= 0) & (meter < meter_count[entry]) & (register < register_count[entry])
    sound &= (length > 0) & (interval_s >= _SHORTEST_S) & (DAY_S % step == 0)
    sound &= (start >= 0) & (start // DAY_S <= MAX_DAY) & (start % step == 0)
    slot = second // step
    sound &= slot + length <= DAY_S // step
    sound &= ~overlap(entry, (meter, register, interval_s, start), length)
    ends = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(length, dtype=np.int64)))
    of_runs = np.diff(ends[np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(runs)))])
    doubtful = set(np.flatnonzero(of_runs != readings).tolist())
    doubtful |= set(entry[~sound].tolist()) | unreadable
    known = KNOWN_QUALITY[quality] | excluded
    if not known.all():
        of_reading = np.repeat(np.arange(len(readings)), readings)
        doubtful |= set(of_reading[~known].tolist())
    if doubtful:
        return None, list(doubtful)
    columns = PieceColumns(
        meter=meter_codes[meters_at[entry] + meter],
        register=register_codes[registers_at[entry] + register],
        day=(start // DAY_S).astype(np.int32),
        interval_s=interval_s,
        slot=slot.astype(np.int32),
        length=length,
        values=opened.joined("values", "<i4"),
        quality=quality,
        excluded=excluded,
        readings=readings,
    )
    return columns, []


def _excluded(
    bitmaps: Sequence[bytes], readings: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], set[int]]:
    """One mask over the readings of all entries, and the entries whose bitmap is unreadable."""
    ends = np.cumsum(readings)
    mask = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.bool_)
    unreadable = set()
    for at, bitmap in enumerate(bitmaps):
        if bitmap:
            count, end = int(readings[at]), int(ends[at])
            try:
                mask[end - count : end] = unpack_excluded(bitmap, count)
            except UplinkUnreadable:
                unreadable.add(at)
    return mask, unreadable
