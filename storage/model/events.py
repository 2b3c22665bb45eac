"""Events as columns: register reads, and interval readings whose start is off the grid."""

from dataclasses import dataclass
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.model.runs import DAY_S, PayloadUnreadable

FORMAT: Final = 2
SHORTEST_INTERVAL_S: Final = 60
END_OF_TIME_S: Final = 253_402_300_800
"""The year 10000, which neither PostgreSQL's dates nor Python's can name."""


class EventsInconsistent(ValueError):
    """Columns that no batch of events has; the message says why."""


class _Wire(msgspec.Struct, array_like=True):
    """The encoded form: little-endian columns in a MessagePack array."""

    format: int
    meters: list[str]
    registers: list[str]
    event_meter: bytes
    event_register: bytes
    event_interval_s: bytes
    at: bytes
    values: bytes
    quality: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """N events, rising by (meter index, register index, interval length, instant).

    `event_meter` and `event_register` index `meters` and `registers`; `at` is the instant in
    whole seconds since 1970. `event_interval_s` is 0 for a register read, whose value (Wh) is
    cumulative; else the event is the interval reading in `[at, at + interval)`, and `at` is not a
    multiple of the length: such a one has its slot in a block. So a reading has one place only.

    Raises:
        EventsInconsistent: on construction, when the columns say anything else.
    """

    meters: list[str]
    registers: list[str]
    event_meter: NDArray[np.int32]
    event_register: NDArray[np.uint8]
    event_interval_s: NDArray[np.int32]
    at: NDArray[np.int64]
    values: NDArray[np.int64]
    quality: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Hold what the class promises, so that nobody needs to look again."""
        lengths = {
            len(column)
            for column in (
                self.event_meter,
                self.event_register,
                self.event_interval_s,
                self.at,
                self.values,
                self.quality,
            )
        }
        if len(lengths) != 1:
            raise EventsInconsistent("columns of different lengths")
        if len(set(self.meters)) < len(self.meters) or len(set(self.registers)) < len(
            self.registers
        ):
            raise EventsInconsistent("a meter or register is listed twice")
        if not len(self):
            return
        inside = (
            (self.event_meter >= 0)
            & (self.event_meter < len(self.meters))
            & (self.event_register < len(self.registers))
            & (self.at >= 0)
            & (self.at < END_OF_TIME_S)
        )
        if not inside.all():
            raise EventsInconsistent("an event points outside of the batch or of time")
        _check_off_grid(self.event_interval_s, self.at)
        series = self._series()
        rising = (series[1:] > series[:-1]) | (
            (series[1:] == series[:-1]) & (self.at[1:] > self.at[:-1])
        )
        if not rising.all():
            raise EventsInconsistent("an event is named twice, or the events are not in order")

    def __len__(self) -> int:
        """Number of events."""
        return len(self.at)

    @property
    def event_day(self) -> NDArray[np.int32]:
        """Each event's UTC day in days since 1970."""
        return (self.at // DAY_S).astype(np.int32)

    @property
    def event_second(self) -> NDArray[np.int32]:
        """Each event's second of its UTC day."""
        return (self.at % DAY_S).astype(np.int32)

    def block_starts(self) -> NDArray[np.intp]:
        """The first event of each block (meter, register, day, interval length), in order."""
        series, day = self._series(), self.event_day
        begins = np.ones(len(self), dtype=np.bool_)
        begins[1:] = (series[1:] != series[:-1]) | (day[1:] != day[:-1])
        return np.flatnonzero(begins)

    def take(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> "EventBatch":
        """The events at `kept`, a mask or rising indexes."""
        return EventBatch(
            meters=self.meters,
            registers=self.registers,
            event_meter=self.event_meter[kept],
            event_register=self.event_register[kept],
            event_interval_s=self.event_interval_s[kept],
            at=self.at[kept],
            values=self.values[kept],
            quality=self.quality[kept],
        )

    def encode(self) -> bytes:
        """Return the bytes that `decode` reads back."""
        return _encoder.encode(
            _Wire(
                format=FORMAT,
                meters=self.meters,
                registers=self.registers,
                event_meter=self.event_meter.astype("<i4", copy=False).tobytes(),
                event_register=self.event_register.tobytes(),
                event_interval_s=self.event_interval_s.astype("<i4", copy=False).tobytes(),
                at=self.at.astype("<i8", copy=False).tobytes(),
                values=self.values.astype("<i8", copy=False).tobytes(),
                quality=self.quality.tobytes(),
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a batch back from its bytes.

        Raises:
            PayloadUnreadable: not a batch, an unknown format, or columns that contradict.
        """
        try:
            wire = _decoder.decode(payload)
        except msgspec.MsgspecError as error:
            raise PayloadUnreadable(f"not a batch of events: {error}") from error
        if wire.format != FORMAT:
            raise PayloadUnreadable(f"format {wire.format} is no batch of events ({FORMAT} is)")
        try:
            return cls(
                meters=wire.meters,
                registers=wire.registers,
                event_meter=np.frombuffer(wire.event_meter, dtype="<i4"),
                event_register=np.frombuffer(wire.event_register, dtype=np.uint8),
                event_interval_s=np.frombuffer(wire.event_interval_s, dtype="<i4"),
                at=np.frombuffer(wire.at, dtype="<i8"),
                values=np.frombuffer(wire.values, dtype="<i8"),
                quality=np.frombuffer(wire.quality, dtype=np.uint8),
            )
        except ValueError as error:
            raise PayloadUnreadable(f"not a batch of events: {error}") from error

    def _series(self) -> NDArray[np.int64]:
        """A number for each event's (meter, register, interval length), rising with them."""
        code: NDArray[np.int64] = self.event_meter.astype(np.int64) << 8
        code |= self.event_register
        code *= DAY_S + 1
        code += self.event_interval_s
        return code


def _check_off_grid(interval_s: NDArray[np.int32], at: NDArray[np.int64]) -> None:
    of_interval = interval_s != 0
    if not of_interval.any():
        return
    length, start = interval_s[of_interval], at[of_interval]
    if not ((length >= SHORTEST_INTERVAL_S) & (length <= DAY_S)).all():
        raise EventsInconsistent("an interval that is shorter than a minute or longer than a day")
    if (DAY_S % length != 0).any():
        raise EventsInconsistent("an interval that does not divide a day evenly")
    if (start % length == 0).any():
        raise EventsInconsistent("an interval on its grid belongs in a run")
