"""Batches of events for tests, written the way one would say them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model.event_block import EventKey
from storage.model.events import EventBatch
from storage.model.quality import Quality
from storage.model.runs import DAY_S
from tests.contract.hot_readings import DAY, REGISTER

MIDNIGHT = DAY * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One register read, or one off-grid interval; `at` is seconds after the day's midnight."""

    value: int
    at: int = 7
    meter_id: str = "M-1"
    register: str = REGISTER
    day: int = DAY
    interval_s: int = 0
    quality: int = Quality.VALID

    @property
    def key(self) -> EventKey:
        return EventKey(self.meter_id, self.register, self.day, self.interval_s)


def events_of(*events: Event) -> EventBatch:
    """The events in the order that a batch asks for."""
    meters = sorted({event.meter_id for event in events})
    registers = sorted({event.register for event in events})
    ordered = sorted(
        events,
        key=lambda one: (one.meter_id, one.register, one.interval_s, one.day, one.at),
    )
    return columns(ordered, meters, registers)


def columns(events: Sequence[Event], meters: list[str], registers: list[str]) -> EventBatch:
    """The events in their own order."""
    return EventBatch(
        meters=meters,
        registers=registers,
        event_meter=np.array([meters.index(one.meter_id) for one in events], dtype=np.int32),
        event_register=np.array([registers.index(one.register) for one in events], dtype=np.uint8),
        event_interval_s=np.array([one.interval_s for one in events], dtype=np.int32),
        at=np.array([one.day * DAY_S + one.at for one in events], dtype=np.int64),
        values=np.array([one.value for one in events], dtype=np.int64),
        quality=np.array([one.quality for one in events], dtype=np.uint8),
    )
