"""The registry as columns, so that a batch is looked up at once."""

from collections.abc import Iterable
from operator import attrgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter, RegistryPosition

_ENDLESS = np.iinfo(np.int64).max
_T = TypeVar("_T", np.int64, np.bool_)


class MeterTable:
    """An immutable snapshot of a tenant's registry, or of some of its meters.

    It is of `version` of `incarnation`, or newer.
    """

    __slots__ = (
        "_changed",
        "_has_register",
        "_interval_s",
        "_interval_since_s",
        "_listed",
        "_place",
        "_position",
        "_register_end",
        "incarnation",
        "version",
    )

    def __init__(self, meters: Iterable[Meter], *, version: int, incarnation: int = 0) -> None:
        self.version = version
        self.incarnation = incarnation
        self._listed = list({meter.meter_id: meter for meter in meters}.values())
        count = len(self._listed)
        names = [meter.meter_id for meter in self._listed]
        self._place = dict(zip(names, range(count), strict=True))
        virtual = [at for at, meter in enumerate(self._listed) if meter.is_virtual]
        # A virtual meter takes no readings: to those who look for a place it is unknown.
        self._position = self._place
        if virtual:
            self._position = self._place.copy()
            for at in virtual:
                del self._position[names[at]]
        self._interval_s = np.array([meter.interval_s for meter in self._listed], dtype=np.int64)
        self._interval_since_s = np.array(
            [meter.interval_since_s for meter in self._listed], dtype=np.int64
        )
        self._changed = bool(self._interval_since_s.any())
        self._register_end = np.array([10**meter.dials for meter in self._listed], dtype=np.int64)
        self._has_register: dict[str, NDArray[np.bool_]] = {}
        of_registers: dict[tuple[str, ...], list[int]] = {}
        for at, meter in enumerate(self._listed):
            of_registers.setdefault(meter.registers, []).append(at)
        for registers, places in of_registers.items():
            for register in registers:
                self._column(register)[places] = True

    def with_changes(self, meters: Iterable[Meter], *, version: int) -> "MeterTable":
        """The registry after these came or changed: positions stay, new ones are added."""
        changed = {meter.meter_id: meter for meter in meters}
        count = len(self._listed)
        new = [name for name in changed if name not in self._place]
        added = dict(zip(new, range(count, count + len(new)), strict=True))
        table = MeterTable.__new__(MeterTable)
        table.version, table.incarnation = version, self.incarnation
        table._listed = self._listed + [changed[name] for name in new]
        table._place = self._place | added
        table._interval_s = _longer(self._interval_s, len(new))
        table._interval_since_s = _longer(self._interval_since_s, len(new))
        table._register_end = _longer(self._register_end, len(new))
        table._has_register = {
            register: _longer(column, len(new)) for register, column in self._has_register.items()
        }
        for name, meter in changed.items():
            table._set(table._place[name], meter)
        gone = [name for name, meter in changed.items() if meter.is_virtual]
        table._position = table._place
        if gone or self._position is not self._place:
            real = {name: table._place[name] for name in changed.keys() - set(gone)}
            table._position = self._position | real
            for name in gone:
                table._position.pop(name, None)
        table._changed = bool(table._interval_since_s.any())
        return table

    def _set(self, at: int, meter: Meter) -> None:
        self._listed[at] = meter
        self._interval_s[at] = meter.interval_s
        self._interval_since_s[at] = meter.interval_since_s
        self._register_end[at] = 10**meter.dials
        for column in self._has_register.values():
            column[at] = False
        for register in meter.registers:
            self._column(register)[at] = True

    def _column(self, register: str) -> NDArray[np.bool_]:
        column = self._has_register.get(register)
        if column is None:
            column = self._has_register[register] = np.zeros(len(self._listed), dtype=np.bool_)
        return column

    def __len__(self) -> int:
        """Number of meters."""
        return len(self._listed)

    @property
    def position(self) -> RegistryPosition:
        """Incarnation and version."""
        return RegistryPosition(self.incarnation, self.version)

    @property
    def meters(self) -> list[Meter]:
        """Every meter, by position; a virtual one, too, though it is not to be located."""
        return self._listed

    def get(self, meter_id: str) -> Meter | None:
        """The meter of that name, if it is one of these."""
        at = self._place.get(meter_id)
        return None if at is None else self._listed[at]

    def all(self) -> list[Meter]:
        """Every meter, by id."""
        return sorted(self._listed, key=attrgetter("meter_id"))

    def locate(self, meter_ids: list[str]) -> NDArray[np.int64]:
        """Position of each meter in this table, -1 for an unknown one: shape (len(meter_ids),)."""
        try:
            found = list(map(self._position.__getitem__, meter_ids))
        except KeyError:
            position = self._position.get
            found = [position(meter_id, -1) for meter_id in meter_ids]
        return np.array(found, dtype=np.int64)

    def interval_s(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Interval length in seconds at each position, 0 where the position is -1."""
        return _at(self._interval_s, position)

    def lengths(
        self, *, position: NDArray[np.int64], start_s: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Interval length of the meter at each position at `start_s`, and until when it holds.

        Both are (positions,), in seconds, 0 and endless where the position is -1. No end at all
        when every one of them is the length that holds today.
        """
        length_s = self.interval_s(position)
        if not self._changed:
            return length_s, None
        earlier = np.flatnonzero(start_s < _at(self._interval_since_s, position))
        if not len(earlier):
            return length_s, None
        until_s = np.full(len(position), _ENDLESS, dtype=np.int64)
        for at in earlier.tolist():
            for period in length_periods(self._listed[position[at]]):
                if period.holds(int(start_s[at])) and period.end_s is not None:
                    length_s[at], until_s[at] = period.interval_s, period.end_s
        return length_s, until_s

    def register_end(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """First number (Wh) that a register of each meter cannot show, 0 for position -1."""
        return _at(self._register_end, position)

    def has_register(
        self,
        *,
        position: NDArray[np.int64],
        registers: list[str],
        register: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Whether the meter at each position has `registers[register]`; False for position -1."""
        found = np.zeros(len(position), dtype=np.bool_)
        for index, name in enumerate(registers):
            column = self._has_register.get(name)
            if column is not None:
                asked = np.flatnonzero((register == index) & (position >= 0))
                found[asked] = column[position[asked]]
        return found


def _at(column: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
    known = position >= 0
    if known.all():
        return column[position]
    found = np.zeros(len(position), dtype=np.int64)
    found[known] = column[position[known]]
    return found


def _longer(column: NDArray[_T], more: int) -> NDArray[_T]:
    """A copy with zeros at its end."""
    return np.concatenate((column, np.zeros(more, dtype=column.dtype)))
