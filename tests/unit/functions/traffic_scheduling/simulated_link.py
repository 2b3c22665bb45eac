"""A link in simulated time: the real schedule over entries in memory, as the forwarder works it."""

import dataclasses
from dataclasses import dataclass, field

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.class_rules import CLASS_RULES
from functions.traffic_scheduling.flow import Flow
from functions.traffic_scheduling.link_cap import CapRule, LinkCap
from functions.traffic_scheduling.schedule import Schedule
from storage.model.traffic import UplinkQueue

START = "0"
HEAD_BYTES = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of `size` bytes that was acknowledged below at `born_s`."""

    number: int
    born_s: float
    tenant: str
    queue: UplinkQueue
    size: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry that the parent has, and when it had it."""

    entry: Entry
    at_s: float

    @property
    def age_s(self) -> float:
        return self.at_s - self.entry.born_s


@dataclass(slots=True)
class SimulatedLink:
    """`entries` by birth; the parent is out of reach in `outage`, a half-open stretch of seconds.

    Sending takes no time, as the cap alone spaces it.
    """

    entries: list[Entry]
    weights: dict[str, float]
    bits_per_s: float | None
    outage: tuple[float, float] = (0.0, 0.0)
    backlog_after_s: float = 60.0
    arrived: list[Arrival] = field(default_factory=list)
    schedule: Schedule = field(init=False)
    _waiting: dict[tuple[str, UplinkQueue], dict[int, Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schedule = Schedule(
            rules=CLASS_RULES,
            batching=Batching(max_bytes=256 * 1024, max_entries=2_000),
            cap=LinkCap(CapRule(bits_per_s=self.bits_per_s), now_s=0.0),
            share=0.05,
            tenant_backoff=Backoff(first_s=0.25, longest_s=30.0),
            link_backoff=Backoff(first_s=0.25, longest_s=5.0),
            start=START,
        )
        self.schedule.serve_only(self.weights)

    def run(self, *, until_s: float) -> None:
        """Work until everything has arrived or `until_s`."""
        coming = sorted(self.entries, key=lambda entry: entry.born_s)
        now_s = 0.0
        while now_s < until_s and (coming or any(self._waiting.values())):
            while coming and coming[0].born_s <= now_s:
                entry = coming.pop(0)
                place = entry.tenant, entry.queue
                self._waiting.setdefault(place, {})[entry.number] = entry
            self.schedule.arrived(self._found(), now_s=now_s)
            flow = self.schedule.take(now_s=now_s)
            if flow is not None:
                self._forward(flow, now_s)
                continue
            next_s = min(self.schedule.next_due_s(), coming[0].born_s if coming else until_s)
            # Behind the instant: two floats of one instant may differ in their last digit.
            now_s = max(next_s, now_s) + 1e-6

    def _found(self) -> list[tuple[str, UplinkQueue]]:
        return [
            place
            for place, after in self.schedule.idle().items()
            if any(number > int(after) for number in self._waiting.get(place, {}))
        ]

    def _forward(self, flow: Flow, now_s: float) -> None:
        schedule, cut = self.schedule, self.schedule.queue_of(flow).cut
        held = self._waiting.get((flow.tenant, flow.queue), {})
        low = 0 if flow.backlog or cut is None else int(cut)
        high = int(cut) if flow.backlog and cut is not None else 10**12
        most = schedule.cap.batch_bytes(schedule.batching.max_bytes, hold_s=0.5)
        limits = dataclasses.replace(schedule.batching, max_bytes=most)
        batch: list[Entry] = []
        for number in sorted(held):
            if low < number <= high:
                if batch and sum(one.size for one in batch) + held[number].size > most:
                    break
                batch.append(held[number])
        if not batch:
            if flow.backlog:
                schedule.backlog_is_empty(flow)
            else:
                schedule.nothing_waits(flow)
            return
        if not flow.backlog and now_s - batch[0].born_s > self.backlog_after_s:
            schedule.cut_off(flow, at=str(max(held)), now_s=now_s)
            return
        sizes = [one.size for one in batch]
        schedule.sends(flow, size=sum(sizes) + HEAD_BYTES, now_s=now_s)
        if self.outage[0] <= now_s < self.outage[1]:
            schedule.link_failed(flow, "down", now_s=now_s, spread=0.5)
            return
        for one in batch:
            del held[one.number]
            self.arrived.append(Arrival(one, now_s))
        if not flow.backlog and cut is not None:
            schedule.left_behind(flow, up_to=str(batch[-1].number), now_s=now_s)
        schedule.sent(flow, full=limits.is_full(sizes), now_s=now_s)
