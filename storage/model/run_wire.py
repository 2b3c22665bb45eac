"""The encoded form of runs: little-endian columns in a MessagePack array.

An instant of many meters has most of its columns the same throughout, and those are written as one
number: 13 bytes a reading instead of 34, in every store on the way.
"""

from typing import Final, Generic, TypeVar

import msgspec
import numpy as np

WHOLE: Final = 1
"""The format of before, whose columns are all written out; it has no `runs`."""
SHORT: Final = 4
_WIDTHS: Final = {"run_register": 1, "run_interval_s": 4, "run_start": 8, "run_length": 4}
_METER: Final = np.dtype("<i4")

Names = TypeVar("Names")


class ColumnsContradict(ValueError):
    """The columns cannot be those of one batch."""


class RunWire(msgspec.Struct, Generic[Names], array_like=True):
    """A batch of runs as it is written; `Names` is `list[str]`, or `msgspec.Raw` unopened.

    A column of runs may be one number that holds for all, `run_meter` empty where each run has
    the meter of its own place.
    """

    format: int
    meters: Names
    registers: Names
    run_meter: bytes
    run_register: bytes
    run_interval_s: bytes
    run_start: bytes
    run_length: bytes
    values: bytes
    quality: bytes
    runs: int | None = None

    @property
    def known(self) -> bool:
        """Whether this version knows the format."""
        return self.format in (WHOLE, SHORT)

    def shorten(self, runs: int) -> None:
        """Write each of the `runs` columns as short as it goes."""
        if self.run_meter == _own_places(runs):
            self.run_meter = b""
        else:
            self.run_meter = _once(self.run_meter, _METER.itemsize)
        for name, width in _WIDTHS.items():
            setattr(self, name, _once(getattr(self, name), width))
        self.format, self.runs = SHORT, runs

    def spread(self) -> None:
        """Write every column out again, and check that each has a number a run or reading.

        Raises:
            ColumnsContradict: one has not.
        """
        readings = len(self.quality)
        runs = len(self.run_register) if self.runs is None else self.runs
        # A run has a reading at least: nobody makes columns larger than what came by a number.
        if not 0 <= runs <= readings or len(self.values) != _METER.itemsize * readings:
            raise ColumnsContradict("columns of different lengths")
        if self.format == SHORT:
            self.run_meter = _each(self.run_meter, _METER.itemsize, runs) or _own_places(runs)
            for name, width in _WIDTHS.items():
                setattr(self, name, _each(getattr(self, name), width, runs))
        widths = {"run_meter": _METER.itemsize, **_WIDTHS}
        if any(len(getattr(self, name)) != width * runs for name, width in widths.items()):
            raise ColumnsContradict("columns of different lengths")


def _own_places(runs: int) -> bytes:
    return np.arange(runs, dtype=_METER).tobytes()


def _once(column: bytes, width: int) -> bytes:
    first = column[:width]
    return first if first * (len(column) // width) == column else column


def _each(column: bytes, width: int, runs: int) -> bytes:
    return column * runs if len(column) == width else column
