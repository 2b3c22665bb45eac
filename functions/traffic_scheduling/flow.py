"""One flow of entries on the link: a tenant's queue, or the backlog of it."""

from dataclasses import dataclass, field
from typing import Final

from functions.traffic_scheduling.class_rules import ClassRules
from storage.model.traffic import UPLINK_QUEUES, TrafficClass, UplinkQueue

_CLASS_RANK: Final = {each: rank for rank, each in enumerate(TrafficClass)}
BACKLOG_RANK: Final = _CLASS_RANK[TrafficClass.BULK]
"""Backlogs go after everything live and before what nobody waits for."""
URGENT_RANKS: Final = _CLASS_RANK[TrafficClass.BILLING]


@dataclass(slots=True, eq=False)
class Flow:
    """Its entries go in the order of the stream, one batch in flight.

    Instants are seconds of a monotonic clock.
    """

    tenant: str
    queue: UplinkQueue
    backlog: bool = False
    waiting_since_s: float | None = None
    more_behind: bool = False
    in_flight: bool = False
    failures: int = 0
    not_before_s: float = 0.0
    last_error: str | None = None

    @property
    def rank(self) -> int:
        """Its place in the order of service, 0 first."""
        rank = _CLASS_RANK[self.queue.traffic_class]
        if self.backlog:
            return BACKLOG_RANK
        return rank + 1 if rank >= BACKLOG_RANK else rank

    @property
    def lane(self) -> str:
        """What tells it from the other flow of its queue, in figures."""
        return "backlog" if self.backlog else "live"

    def ends(self) -> None:
        """Its batch has reached its end."""
        self.failures, self.not_before_s, self.last_error, self.in_flight = 0, 0.0, None, False


@dataclass(slots=True, eq=False)
class QueueFlows:
    """A queue's two flows; what is at or before stream id `cut` is the backlog's.

    `any_order` once the parent has said that it knows each entry that it has, in any order: then
    live entries may overtake a backlog.
    """

    live: Flow
    backlog: Flow
    cut: str | None = None
    any_order: bool = False


@dataclass(slots=True, eq=False)
class TenantFlows:
    """A tenant's flows on the link, and its weight among the others."""

    tenant: str
    weight: float = 1.0
    leaving: bool = False
    """Nothing is taken in any more: what waits is handed on, and the registry is not followed."""
    queues: dict[UplinkQueue, QueueFlows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make both flows of every queue."""
        for queue in UPLINK_QUEUES:
            self.queues[queue] = QueueFlows(
                live=Flow(self.tenant, queue), backlog=Flow(self.tenant, queue, backlog=True)
            )

    @property
    def flows(self) -> list[Flow]:
        """Every flow of the tenant."""
        return [flow for each in self.queues.values() for flow in (each.live, each.backlog)]

    @property
    def failures(self) -> int:
        """How often batches of the flow that fails most failed in a row."""
        return max(flow.failures for flow in self.flows)

    @property
    def last_error(self) -> str | None:
        """Why a batch failed, if one of the flows fails."""
        return next((flow.last_error for flow in self.flows if flow.last_error), None)


def batch_age_s(flow: Flow, rules: ClassRules) -> float:
    """How long the first entry of a batch may wait for company; a backlog has waited enough."""
    return 0.0 if flow.backlog else rules[flow.queue.traffic_class].batch_age_s
