"""The outline of a payload: its days and how many readings it has, without opening it."""

from typing import Final

import msgspec
import numpy as np

from storage.model import events
from storage.model.runs import DAY_S

_INSTANT: Final = np.dtype("<i8")


class _Wire(msgspec.Struct, array_like=True):
    """What runs and events have in the same places: `at` are the starts of runs, or instants."""

    format: int
    meters: msgspec.Raw
    registers: msgspec.Raw
    meter: msgspec.Raw
    register: msgspec.Raw
    interval_s: msgspec.Raw
    at: bytes
    seventh: bytes
    eighth: bytes


class _Runs(_Wire, array_like=True):
    quality: bytes


_runs: Final = msgspec.msgpack.Decoder(_Runs)
_events: Final = msgspec.msgpack.Decoder(_Wire)
_EVENTS_HEAD: Final = bytes((0x99, events.FORMAT))
"""What MessagePack begins a batch of events with: an array of nine, and the format."""


class Outline(msgspec.Struct, frozen=True):
    """First and last UTC day, in days since 1970 (none: no reading), and the readings in all."""

    days: tuple[int, int] | None
    readings: int


def outline(payload: bytes) -> Outline | None:
    """Tell what a payload holds, None where it is none; what it says is not checked further."""
    is_events = payload.startswith(_EVENTS_HEAD)
    try:
        wire = (_events if is_events else _runs).decode(payload)
        at = np.frombuffer(wire.at, dtype=_INSTANT)
    except (msgspec.MsgspecError, ValueError):
        return None
    # The qualities, a byte each.
    readings = len(wire.quality) if isinstance(wire, _Runs) else len(wire.eighth)
    if not len(at):
        return Outline(None, readings)
    return Outline((int(at.min()) // DAY_S, int(at.max()) // DAY_S), readings)
