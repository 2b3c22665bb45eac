"""Runs of interval readings as columns: the form in which readings travel between zones."""

from dataclasses import dataclass, replace
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.model.run_wire import WHOLE, RunWire

DAY_S: Final = 86_400


class PayloadUnreadable(ValueError):
    """The bytes are not a batch of runs in a format this version knows."""


_encoder = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(RunWire[list[str]])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBatch:
    """R runs with N interval readings in all; a run is consecutive intervals of one UTC day.

    `run_meter` and `run_register` index `meters` and `registers`; `run_start` is the start of
    the first interval in seconds since 1970, a multiple of the interval length; `run_length`
    counts intervals, and a run ends on or before midnight UTC. `values` (Wh or W) and `quality`
    are the runs' readings one after another.
    """

    meters: list[str]
    registers: list[str]
    run_meter: NDArray[np.int32]
    run_register: NDArray[np.uint8]
    run_interval_s: NDArray[np.int32]
    run_start: NDArray[np.int64]
    run_length: NDArray[np.int32]
    values: NDArray[np.int32]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.values)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.run_start)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each run begins in `values`, and the total at the end: shape (R + 1,)."""
        ends = np.zeros(self.runs + 1, dtype=np.int64)
        np.cumsum(self.run_length, out=ends[1:])
        return ends

    @property
    def run_day(self) -> NDArray[np.int32]:
        """Each run's UTC day in days since 1970."""
        return (self.run_start // DAY_S).astype(np.int32)

    @property
    def run_slot(self) -> NDArray[np.int32]:
        """The slot of each run's first interval within its day."""
        return ((self.run_start % DAY_S) // self.run_interval_s).astype(np.int32)

    def encode(self) -> bytes:
        """Return the bytes that `decode` reads back."""
        wire = RunWire(
            format=WHOLE,
            meters=self.meters,
            registers=self.registers,
            run_meter=self.run_meter.astype("<i4", copy=False).tobytes(),
            run_register=self.run_register.tobytes(),
            run_interval_s=self.run_interval_s.astype("<i4", copy=False).tobytes(),
            run_start=self.run_start.astype("<i8", copy=False).tobytes(),
            run_length=self.run_length.astype("<i4", copy=False).tobytes(),
            values=self.values.astype("<i4", copy=False).tobytes(),
            quality=self.quality.tobytes(),
        )
        wire.shorten(self.runs)
        return _encoder.encode(wire)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a batch back from its bytes.

        Raises:
            PayloadUnreadable: not a batch, an unknown format, or columns that contradict.
        """
        try:
            wire = _decoder.decode(payload)
            if not wire.known:
                raise PayloadUnreadable(f"format {wire.format} is not known here")
            wire.spread()
            batch = cls(
                meters=wire.meters,
                registers=wire.registers,
                run_meter=np.frombuffer(wire.run_meter, dtype="<i4"),
                run_register=np.frombuffer(wire.run_register, dtype=np.uint8),
                run_interval_s=np.frombuffer(wire.run_interval_s, dtype="<i4"),
                run_start=np.frombuffer(wire.run_start, dtype="<i8"),
                run_length=np.frombuffer(wire.run_length, dtype="<i4"),
                values=np.frombuffer(wire.values, dtype="<i4"),
                quality=np.frombuffer(wire.quality, dtype=np.uint8),
            )
        except PayloadUnreadable:
            raise
        except (msgspec.MsgspecError, ValueError) as error:
            raise PayloadUnreadable(f"not a batch of runs: {error}") from error
        batch._check()
        return batch

    def _check(self) -> None:
        if not self.runs:
            if len(self.values):
                raise PayloadUnreadable("readings outside of any run")
            return
        inside = (
            (self.run_meter >= 0)
            & (self.run_meter < len(self.meters))
            & (self.run_register < len(self.registers))
            & (self.run_length > 0)
            & (self.run_interval_s >= 60)
            & (self.run_start >= 0)
        )
        if not inside.all() or int(self.run_length.sum(dtype=np.int64)) != len(self.values):
            raise PayloadUnreadable("a run points outside of the batch")
        grid = (DAY_S % self.run_interval_s == 0) & (self.run_start % self.run_interval_s == 0)
        fits = self.run_slot + self.run_length <= DAY_S // self.run_interval_s
        if not (grid & fits).all():
            raise PayloadUnreadable("a run leaves its grid or its UTC day")

    def run_of_reading(self) -> NDArray[np.int64]:
        """The run each reading belongs to: shape (N,)."""
        return np.repeat(np.arange(self.runs, dtype=np.int64), self.run_length)

    def reordered(self, order: NDArray[np.intp]) -> tuple[Self, NDArray[np.int64]]:
        """The same runs in another order, and where each of its readings was: shape (N,)."""
        length = self.run_length[order].astype(np.int64)
        begins = np.cumsum(length) - length
        was = np.repeat(self.offsets[order] - begins, length) + np.arange(len(self))
        moved = replace(
            self,
            run_meter=self.run_meter[order],
            run_register=self.run_register[order],
            run_interval_s=self.run_interval_s[order],
            run_start=self.run_start[order],
            run_length=self.run_length[order],
            values=self.values[was],
            quality=self.quality[was],
        )
        return moved, was
