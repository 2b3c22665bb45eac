"""Who may be served next: by class, by the tenants' weights, within the link's cap."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.class_rules import ClassRules
from functions.traffic_scheduling.fair_turns import FairTurns
from functions.traffic_scheduling.flow import (
    URGENT_RANKS,
    Flow,
    QueueFlows,
    TenantFlows,
    batch_age_s,
)
from functions.traffic_scheduling.link_cap import LinkCap
from functions.traffic_scheduling.rank_turns import RankTurns
from storage.model.traffic import UplinkQueue

NEVER: Final = float("inf")
Place = tuple[str, UplinkQueue]
"""A queue of a tenant."""


class Schedule:
    """Decides without any I/O: `now_s` and `spread` are arguments."""

    def __init__(
        self,
        *,
        rules: ClassRules,
        batching: Batching,
        cap: LinkCap,
        share: float,
        tenant_backoff: Backoff,
        link_backoff: Backoff,
        start: str,
    ) -> None:
        """`share` is kept for each rank beside the stricter ones; `start` is the stream id before
        every entry."""
        self.rules = rules
        self.batching = batching
        self.cap = cap
        self._tenant_backoff = tenant_backoff
        self._link_backoff = link_backoff
        self._start = start
        self._ranks = RankTurns(
            urgent=URGENT_RANKS, share=share, most_credit=float(batching.max_bytes)
        )
        self._turns: dict[int, FairTurns] = {}
        self._tenants: dict[str, TenantFlows] = {}
        self._waiting: dict[Flow, None] = {}
        self._uncharged: set[Flow] = set()
        self._link_failures = 0
        self._link_not_before_s = 0.0
        self.link_error: str | None = None

    @property
    def tenants(self) -> list[TenantFlows]:
        """Every tenant, by name."""
        return [self._tenants[slug] for slug in sorted(self._tenants)]

    @property
    def places(self) -> int:
        """How many queues there are, of every tenant."""
        return sum(len(one.queues) for one in self._tenants.values())

    def serve_only(self, weights: Mapping[str, float], *, leaving: Collection[str] = ()) -> None:
        """Take up new tenants and let go of those that are gone; who is in flight ends its batch.

        `weights` are by tenant; `leaving` are those that are served only for what still waits.
        """
        for slug in weights.keys() - self._tenants.keys():
            self._tenants[slug] = TenantFlows(slug)
        for slug in self._tenants.keys() - weights.keys():
            for flow in self._tenants.pop(slug).flows:
                self._waiting.pop(flow, None)
        for slug, one in self._tenants.items():
            one.weight, one.leaving = weights[slug], slug in leaving

    def queue_of(self, flow: Flow) -> QueueFlows:
        """Both flows of a flow's queue."""
        one = self._tenants.get(flow.tenant)
        # A tenant that is gone ends its batch with a state that nobody else sees.
        return (one or TenantFlows(flow.tenant)).queues[flow.queue]

    def idle(self) -> dict[Place, str]:
        """Queues of which nothing live is known to wait, with the stream id to look behind."""
        return {
            (slug, queue): pair.cut or self._start
            for slug, one in self._tenants.items()
            for queue, pair in one.queues.items()
            if pair.live.waiting_since_s is None and not pair.live.in_flight
        }

    def arrived(self, places: Iterable[Place], *, now_s: float) -> None:
        """Note that live entries wait."""
        for slug, queue in places:
            one = self._tenants.get(slug)
            if one is not None and one.queues[queue].live.waiting_since_s is None:
                self._wait(one.queues[queue].live, now_s)

    def take(self, *, now_s: float, urgent_only: bool = False) -> Flow | None:
        """Return whose batch to send now, marked as in flight, or None when nobody's is due."""
        if now_s < self._link_not_before_s:
            return None
        due = [flow for flow in self._waiting if self._due_at_s(flow) <= now_s]
        urgent = [flow for flow in due if flow.rank < URGENT_RANKS]
        if urgent_only:
            due = urgent
        if not due:
            return None
        if self._cap_at_s(urgent=False) > now_s:
            due = urgent if urgent and self._cap_at_s(urgent=True) <= now_s else []
            if not due:
                if self.cap.open_at_s(urgent=False) > now_s:
                    self.cap.held(now_s=now_s)
                return None
        self.cap.let_go(now_s=now_s)
        rank = self._ranks.next({flow.rank for flow in due})
        of_rank = [flow for flow in due if flow.rank == rank]
        turns = self._turns.setdefault(rank, FairTurns())
        tenant = turns.next({flow.tenant: self._weight(flow) for flow in of_rank})
        flow = next(flow for flow in of_rank if flow.tenant == tenant)
        flow.in_flight = True
        self._uncharged.add(flow)
        return flow

    def next_due_s(self, *, urgent_only: bool = False) -> float:
        """The instant at which `take` may next return somebody; infinity when nothing waits."""
        due_s = NEVER
        for flow in self._waiting:
            urgent = flow.rank < URGENT_RANKS
            if urgent or not urgent_only:
                # Not through `max` alone: a cap that is open from minus infinity on is no instant.
                at_s = self._due_at_s(flow)
                due_s = min(due_s, max(at_s, self._cap_at_s(urgent=urgent)))
        return max(due_s, self._link_not_before_s)

    def sends(self, flow: Flow, *, size: int, now_s: float) -> None:
        """Note that the batch of `flow` goes out now, with `size` bytes."""
        self._uncharged.discard(flow)
        self.cap.spend(size, now_s=now_s)
        waiting = {one.rank for one in self._waiting if self._due_at_s(one) <= now_s}
        self._ranks.charge(flow.rank, size=size, waiting=waiting)
        turns = self._turns.setdefault(flow.rank, FairTurns())
        turns.charge(flow.tenant, size=size, weight=self._weight(flow))

    def sent(self, flow: Flow, *, full: bool, now_s: float) -> None:
        """The parent has a batch; more waits behind a full one."""
        self.link_is_up()
        self._end(flow)
        flow.more_behind = full
        # A backlog is looked at until it is empty, as nobody watches its stream.
        self._wait(flow, now_s if full or flow.backlog else None)

    def nothing_waits(self, flow: Flow) -> None:
        """The flow was empty after all."""
        flow.more_behind = False
        self._wait(flow, None)
        self._end(flow)

    def cut_off(self, flow: Flow, *, at: str, now_s: float) -> None:
        """What waits up to stream id `at` is a backlog from now on, and what comes is live."""
        pair = self.queue_of(flow)
        pair.cut = at
        self._wait(pair.backlog, now_s)
        self.nothing_waits(pair.live)

    def backlog_is_empty(self, flow: Flow) -> None:
        """All up to the cut has gone: live entries are read from the beginning again."""
        pair = self.queue_of(flow)
        self.nothing_waits(pair.backlog)
        if not pair.live.in_flight:
            pair.cut = None

    def left_behind(self, flow: Flow, *, up_to: str, now_s: float) -> None:
        """Live entries up to `up_to` have gone or are the backlog's, as they replace a value."""
        pair = self.queue_of(flow)
        pair.cut = up_to
        if pair.backlog.waiting_since_s is None:
            self._wait(pair.backlog, now_s)

    def refused(
        self, flow: Flow, error: str, *, now_s: float, spread: float, retry_after_s: float
    ) -> None:
        """This flow's batch failed; the others go on."""
        failures = flow.failures + 1
        self._end(flow)
        flow.failures, flow.last_error = failures, error
        flow.not_before_s = now_s + self._tenant_backoff.delay_s(
            failures=failures, spread=spread, at_least_s=retry_after_s
        )

    def holds(self, flow: Flow, *, until_s: float) -> None:
        """What waits in the flow is not to go before then."""
        self._end(flow)
        flow.not_before_s = until_s

    def link_failed(self, flow: Flow, error: str, *, now_s: float, spread: float) -> None:
        """The parent cannot be reached; nobody is served until the link is tried again."""
        flow.in_flight = False
        self._uncharged.discard(flow)
        self.link_error = error
        if now_s < self._link_not_before_s:
            # Several batches were on the same broken link: that is one failure.
            return
        self._link_failures += 1
        self._link_not_before_s = now_s + self._link_backoff.delay_s(
            failures=self._link_failures, spread=spread
        )

    def link_is_up(self) -> None:
        """The parent answered."""
        self._link_failures, self._link_not_before_s, self.link_error = 0, 0.0, None

    def _wait(self, flow: Flow, since_s: float | None) -> None:
        flow.waiting_since_s = since_s
        one = self._tenants.get(flow.tenant)
        if since_s is not None and one is not None and flow in one.flows:
            self._waiting[flow] = None
        else:
            self._waiting.pop(flow, None)

    def _weight(self, flow: Flow) -> float:
        one = self._tenants.get(flow.tenant)
        return 1.0 if one is None else one.weight

    def _cap_at_s(self, *, urgent: bool) -> float:
        if self._uncharged and not urgent and self.cap.bits_per_s is not None:
            # What is being read now has not paid yet: `sends` wakes whoever waits.
            return NEVER
        return self.cap.open_at_s(urgent=urgent)

    def _due_at_s(self, flow: Flow) -> float:
        if flow.waiting_since_s is None or flow.in_flight:
            return NEVER
        due_s = self.batching.due_at(
            waiting_since_s=flow.waiting_since_s,
            max_age_s=batch_age_s(flow, self.rules),
            more_behind=flow.more_behind,
        )
        return max(due_s, flow.not_before_s)

    def _end(self, flow: Flow) -> None:
        self._uncharged.discard(flow)
        flow.ends()
