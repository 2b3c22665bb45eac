"""A lab's day: register the meters, send their readings, find each one in the cold store."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from deploy.lab.bootstrap import TENANTS
from deploy.lab.cold_count import ColdCount
from deploy.lab.day import take_day
from deploy.lab.emulation import Load, Sent, emulate_day
from deploy.lab.registration import fleet_of, register_meters, wait_until_known
from deploy.lab.reporting import Reporter
from deploy.lab.running import RunningLab
from deploy.lab.topology import edges, gateway_url, headquarters
from deploy.lab.verify import wait_until_cold


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was sent, and what is in the cold store for it."""

    day: date
    meters: int
    sent: Sent
    cold: ColdCount
    seconds: float

    @property
    def exactly_once(self) -> bool:
        """Tell whether each acknowledged reading is in the cold store once.

        A reading whose answer was lost may be there too: it is stored, but nobody was told.
        """
        most = self.sent.acknowledged + self.sent.unanswered
        none_twice = self.cold.found == self.cold.distinct
        return none_twice and self.sent.acknowledged <= self.cold.distinct <= most

    @property
    def all_acknowledged(self) -> bool:
        """Tell whether every reading of the day was sent and acknowledged."""
        return self.sent.acknowledged == self.sent.sent == self.sent.planned

    def figures(self) -> dict[str, Any]:
        """Return the figures as `up --json` prints them."""
        return {
            "day": self.day.isoformat(),
            "meters": self.meters,
            "sent": self.sent.sent,
            "acknowledged": self.sent.acknowledged,
            "refused": sum(self.sent.refused.values()),
            "refused_reasons": self.sent.refused,
            "unanswered": self.sent.unanswered,
            "requests": self.sent.requests,
            "retries": self.sent.retries,
            "cold_found": self.cold.found,
            "cold_distinct": self.cold.distinct,
            "exactly_once": self.exactly_once,
            "readings_per_second": self.sent.readings_per_second,
            "delay_ms": self.sent.delay_ms,
            "seconds": round(self.seconds, 3),
        }


async def replay_day(
    lab: RunningLab, *, meters: int, seed: int, deadline: float, reporter: Reporter
) -> Replay:
    """Send the next day of `meters` meters, split over the tenants, to the first edge.

    Raises:
        LabFailure: a step could not be finished before `deadline` (`time.monotonic`).
    """
    began = time.monotonic()
    edge = gateway_url(edges(lab.topology)[0])
    loads = split_load(lab, meters=meters, seed=seed)
    reporter.step(f"registering {meters} meters")
    for load in loads:
        fleet = await fleet_of(load.tenant, count=load.count, seed=load.seed)
        top = gateway_url(headquarters(lab.topology))
        await register_meters(top, key=load.key, meters=fleet, deadline=deadline)
        await wait_until_known(edge, key=load.key, meters=fleet, deadline=deadline)
    day = take_day(lab.home.state / "day.json", today=datetime.now(UTC).date())
    reporter.step(f"sending {day}")
    sent = await emulate_day(
        edge,
        loads=loads,
        day=day,
        folder=lab.home.state / "load",
        timeout_s=max(1.0, deadline - time.monotonic()),
        on_progress=reporter.progress,
    )
    reporter.step("finding each acknowledged reading in the cold store")
    cold = await wait_until_cold(
        lab.stores.database_url,
        tenants=[load.tenant for load in loads],
        day=day,
        expected=sent.acknowledged,
        deadline=deadline,
        on_progress=reporter.progress,
    )
    return Replay(day=day, meters=meters, sent=sent, cold=cold, seconds=time.monotonic() - began)


def split_load(lab: RunningLab, *, meters: int, seed: int) -> list[Load]:
    """Split `meters` over the lab's tenants as evenly as it goes; one without any is left out."""
    share, rest = divmod(meters, len(TENANTS))
    counts = [share + (n < rest) for n in range(len(TENANTS))]
    return [
        Load(tenant=tenant.slug, key=lab.keys.tenants[tenant.slug], count=count, seed=seed)
        for tenant, count in zip(TENANTS, counts, strict=True)
        if count
    ]
