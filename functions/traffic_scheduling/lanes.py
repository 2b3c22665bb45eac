"""What is known of each tenant's uplink, and who may be served next."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.fairness import RoundRobin


@dataclass(slots=True)
class TenantUplink:
    """State of one tenant; instants are seconds of a monotonic clock."""

    slug: str
    acknowledged: str
    """Stream id of the last entry that the parent has."""
    waiting_since_s: float | None = None
    more_behind: bool = False
    in_flight: bool = False
    failures: int = 0
    not_before_s: float = 0.0
    last_error: str | None = None
    leaving: bool = False
    """Nothing is taken in any more: what waits is handed on, and the registry is not followed."""


class Uplinks:
    """Decides who is served, without any I/O: `now_s` and `spread` are arguments."""

    def __init__(
        self, *, batching: Batching, tenant_backoff: Backoff, link_backoff: Backoff, start: str
    ) -> None:
        """`start` is the stream id before every entry."""
        self._batching = batching
        self._tenant_backoff = tenant_backoff
        self._link_backoff = link_backoff
        self._start = start
        self._turns = RoundRobin()
        self._tenants: dict[str, TenantUplink] = {}
        self._link_failures = 0
        self._link_not_before_s = 0.0
        self.link_error: str | None = None

    @property
    def tenants(self) -> list[TenantUplink]:
        """Every tenant, by name."""
        return [self._tenants[slug] for slug in sorted(self._tenants)]

    def serve_only(self, slugs: Iterable[str], *, leaving: Collection[str] = ()) -> None:
        """Take up new tenants and let go of those that are gone; who is in flight ends its batch.

        `leaving` are those of `slugs` that are served only for what still waits.
        """
        wanted = set(slugs)
        for slug in wanted - self._tenants.keys():
            self._tenants[slug] = TenantUplink(slug, self._start)
        for slug in self._tenants.keys() - wanted:
            del self._tenants[slug]
        for slug, one in self._tenants.items():
            one.leaving = slug in leaving

    def idle(self) -> dict[str, str]:
        """Tenants of whom nothing is known to wait, with the last stream id seen."""
        return {
            one.slug: one.acknowledged
            for one in self._tenants.values()
            if one.waiting_since_s is None and not one.in_flight
        }

    def arrived(self, slugs: Iterable[str], *, now_s: float) -> None:
        """Note that entries wait."""
        for slug in slugs:
            one = self._tenants.get(slug)
            if one is not None and one.waiting_since_s is None:
                one.waiting_since_s = now_s

    def take(self, *, now_s: float) -> TenantUplink | None:
        """Return whose batch to send now, marked as in flight, or None when nobody's is due."""
        if now_s < self._link_not_before_s:
            return None
        ready = {one.slug for one in self._tenants.values() if self._due_at_s(one) <= now_s}
        if not ready:
            return None
        one = self._tenants[self._turns.next(ready)]
        one.in_flight = True
        return one

    def next_due_s(self) -> float:
        """The instant at which `take` may next return somebody; infinity when nothing waits."""
        due_s = min(map(self._due_at_s, self._tenants.values()), default=float("inf"))
        return max(due_s, self._link_not_before_s)

    def sent(self, one: TenantUplink, *, up_to: str, sizes: list[int], now_s: float) -> None:
        """The parent has everything up to a stream id; more waits behind a full batch."""
        self.link_is_up()
        one.acknowledged = up_to
        one.more_behind = self._batching.is_full(sizes)
        one.waiting_since_s = now_s if one.more_behind else None
        self._done(one)

    def nothing_waits(self, one: TenantUplink) -> None:
        """The stream was empty after all."""
        one.waiting_since_s, one.more_behind = None, False
        self._done(one)

    def refused(
        self, one: TenantUplink, error: str, *, now_s: float, spread: float, retry_after_s: float
    ) -> None:
        """This tenant's batch failed; the others go on."""
        one.failures += 1
        one.last_error = error
        one.in_flight = False
        one.not_before_s = now_s + self._tenant_backoff.delay_s(
            failures=one.failures, spread=spread, at_least_s=retry_after_s
        )

    def link_failed(self, one: TenantUplink, error: str, *, now_s: float, spread: float) -> None:
        """The parent cannot be reached; nobody is served until the link is tried again."""
        one.in_flight = False
        self.link_error = error
        if now_s < self._link_not_before_s:
            # Several lanes were on the same broken link: that is one failure.
            return
        self._link_failures += 1
        self._link_not_before_s = now_s + self._link_backoff.delay_s(
            failures=self._link_failures, spread=spread
        )

    def link_is_up(self) -> None:
        """The parent answered."""
        self._link_failures, self._link_not_before_s, self.link_error = 0, 0.0, None

    def _due_at_s(self, one: TenantUplink) -> float:
        if one.waiting_since_s is None or one.in_flight:
            return float("inf")
        due_s = self._batching.due_at(
            waiting_since_s=one.waiting_since_s, more_behind=one.more_behind
        )
        return max(due_s, one.not_before_s)

    def _done(self, one: TenantUplink) -> None:
        one.failures, one.not_before_s, one.last_error, one.in_flight = 0, 0.0, None, False
