"""What travels on a link: its class, from strict to lax, and the queue in which it waits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TrafficClass(StrEnum):
    """Classes in the order in which a link serves them."""

    ALARM = "alarm"
    CONTROL = "control"
    BILLING = "billing"
    INTERVAL = "interval"
    BULK = "bulk"


class Cargo(StrEnum):
    """Who takes it in the zone above: meter data, or the topics of messaging."""

    READINGS = "readings"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class UplinkQueue:
    """One stream of a tenant's entries that wait for the parent."""

    cargo: Cargo
    traffic_class: TrafficClass

    @property
    def name(self) -> str:
        """What tells its key from the tenant's other queues; empty for the interval readings."""
        if self.cargo is Cargo.MESSAGES:
            return f"m:{self.traffic_class.value}"
        return "" if self.traffic_class is TrafficClass.INTERVAL else self.traffic_class.value


INTERVALS: Final = UplinkQueue(Cargo.READINGS, TrafficClass.INTERVAL)
EVENTS: Final = UplinkQueue(Cargo.READINGS, TrafficClass.BILLING)
"""Register reads and what is off the grid: what bills are made of."""
READING_QUEUES: Final = (EVENTS, INTERVALS)
MESSAGE_QUEUES: Final = tuple(UplinkQueue(Cargo.MESSAGES, each) for each in TrafficClass)
UPLINK_QUEUES: Final = (*READING_QUEUES, *MESSAGE_QUEUES)
