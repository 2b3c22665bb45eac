"""The registry as columns, so that a batch is looked up at once."""

from collections.abc import Iterable
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from storage.model.interval_lengths import length_periods
from storage.model.meter import Meter, RegistryPosition

_ENDLESS = np.iinfo(np.int64).max


class MeterTable:
    """An immutable snapshot of a tenant's registry at `version` of `incarnation`."""

    __slots__ = (
        "_changed",
        "_has_register",
        "_interval_s",
        "_interval_since_s",
        "_listed",
        "_meters",
        "_position",
        "_register_end",
        "incarnation",
        "version",
    )

    def __init__(self, meters: Iterable[Meter], *, version: int, incarnation: int = 0) -> None:
        self.version = version
        self.incarnation = incarnation
        self._meters = {meter.meter_id: meter for meter in meters}
        # A virtual meter takes no readings: to those who look for a place it is unknown.
        self._position = {
            meter.meter_id: at
            for at, meter in enumerate(self._meters.values())
            if not meter.is_virtual
        }
        count = len(self._meters)
        self._interval_s = np.fromiter(
            (meter.interval_s for meter in self._meters.values()), dtype=np.int64, count=count
        )
        self._interval_since_s = np.fromiter(
            (meter.interval_since_s for meter in self._meters.values()), dtype=np.int64, count=count
        )
        self._changed = bool(self._interval_since_s.any())
        self._listed = list(self._meters.values())
        self._register_end = np.fromiter(
            (10**meter.dials for meter in self._meters.values()), dtype=np.int64, count=count
        )
        self._has_register: dict[str, NDArray[np.bool_]] = {}
        for at, meter in enumerate(self._meters.values()):
            for register in meter.registers:
                column = self._has_register.get(register)
                if column is None:
                    column = self._has_register[register] = np.zeros(count, dtype=np.bool_)
                column[at] = True

    def __len__(self) -> int:
        """Number of meters."""
        return len(self._meters)

    @property
    def position(self) -> RegistryPosition:
        """Incarnation and version."""
        return RegistryPosition(self.incarnation, self.version)

    def get(self, meter_id: str) -> Meter | None:
        """The meter of that name, if the registry knows it."""
        return self._meters.get(meter_id)

    def all(self) -> list[Meter]:
        """Every meter, by id."""
        return sorted(self._meters.values(), key=attrgetter("meter_id"))

    def of_group(self, *, feeder: str | None, transformer: str | None) -> list[Meter]:
        """The meters of a feeder, of a transformer, or all but virtual ones, by id."""
        of_it = (
            meter
            for meter in self._meters.values()
            if not meter.is_virtual
            and (feeder is None or meter.feeder == feeder)
            and (transformer is None or meter.transformer == transformer)
        )
        return sorted(of_it, key=attrgetter("meter_id"))

    def at_service_point(self, service_point: str) -> list[Meter]:
        """The meters that hang at a service point, or hung there, by id."""
        of_it = (one for one in self._meters.values() if one.service_point == service_point)
        return sorted(of_it, key=attrgetter("meter_id"))

    def changed_after(self, version: int) -> list[Meter]:
        """The meters whose last change is after `version`, in the order of their changes."""
        changed = [meter for meter in self._meters.values() if meter.version > version]
        return sorted(changed, key=attrgetter("version"))

    def locate(self, meter_ids: list[str]) -> NDArray[np.int64]:
        """Position of each meter in this table, -1 for an unknown one: shape (len(meter_ids),)."""
        position = self._position.get
        return np.array([position(meter_id, -1) for meter_id in meter_ids], dtype=np.int64)

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
