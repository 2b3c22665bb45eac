"""A lab's load: register the meters, send their readings, find each one in the cold store."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from deploy.lab.day import take_days
from deploy.lab.emulation import emulate
from deploy.lab.failure import LabFailure
from deploy.lab.first_calls import SampleMeter
from deploy.lab.hot_count import HotCount, count_hot
from deploy.lab.load_spec import Load, LoadSpec, split_by_edge, split_by_tenant
from deploy.lab.registration import fleet_of, register_meters, wait_until_known
from deploy.lab.reporting import Reporter
from deploy.lab.running import RunningLab
from deploy.lab.sent import Sent, add_up
from deploy.lab.topology import edges, gateway_url, headquarters, meters_url
from deploy.lab.verify import settled_count
from storage.cold.audit import ReadingCount

EPOCH = date(1970, 1, 1).toordinal()
# A clock that is off moves a day's first or last interval into the day beside it.
DRIFT = "clock-drift"
# Enough readings are there; for so long a copy too many may still come.
SETTLE_S = 5.0
OUTCOMES = ("accepted", "duplicate", "corrected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was sent, and what the stores hold of its days; `before` is from before it was sent."""

    spec: LoadSpec
    meters: int
    sample: SampleMeter
    sent: Sent
    before: ReadingCount
    cold: ReadingCount
    hot: HotCount
    seconds: float

    @property
    def exactly_once(self) -> bool:
        """Tell whether each acknowledged reading is in the cold store once.

        A reading whose answer was lost may be there too: it is stored, but nobody was told. What
        was there before may be what was sent again, but not what an edge saw for the first time.
        """
        none_twice = self.cold.found == self.cold.distinct
        new = self.sent.outcomes.get("accepted", 0)
        least = max(self.sent.acknowledged, self.before.distinct + new)
        most = self.before.distinct + self.sent.acknowledged + self.sent.unanswered
        return none_twice and least <= self.cold.distinct <= most

    @property
    def all_acknowledged(self) -> bool:
        """Tell whether every reading was sent and acknowledged."""
        return self.sent.acknowledged == self.sent.sent == self.sent.planned

    @property
    def all_answered(self) -> bool:
        """Tell whether every reading was sent, and acknowledged or refused for good."""
        return self.sent.sent == self.sent.planned and not self.sent.unanswered

    def figures(self) -> dict[str, Any]:
        """Return the figures as `up --json` and `load --json` print them."""
        sent = self.sent
        return {
            "day": self.spec.first_day.isoformat(),
            "days": self.spec.days,
            "seed": self.spec.seed,
            "meters": self.meters,
            "planned": sent.planned,
            "sent": sent.sent,
            "acknowledged": sent.acknowledged,
            "outcomes": {name: sent.outcomes.get(name, 0) for name in OUTCOMES},
            "refused": sum(sent.refused.values()),
            "refused_reasons": sent.refused,
            "unanswered": sent.unanswered,
            "faults": sent.faults,
            "requests": sent.requests,
            "retries": sent.retries,
            "setbacks": sent.setbacks,
            "hot_found": self.hot.distinct,
            "hot_zones": self.hot.zones,
            "cold_found": self.cold.found,
            "cold_distinct": self.cold.distinct,
            "cold_before": self.before.distinct,
            "exactly_once": self.exactly_once,
            "readings_per_second": sent.readings_per_second,
            "delay_ms": sent.delay_ms(),
            "seconds": round(self.seconds, 3),
        }


async def replay_day(
    lab: RunningLab,
    *,
    meters: int,
    seed: int,
    deadline: float,
    reporter: Reporter,
    pv_share: float = 0.0,
) -> Replay:
    """Send the lab's next day of `meters` meters, split over the tenants and the edges.

    Raises:
        LabFailure: a step could not be finished before `deadline` (`time.monotonic`).
    """
    first = take_days(lab.home.state / "day.json", days=1, today=datetime.now(UTC).date())
    spec = LoadSpec(meters=meters, seed=seed, first_day=first, pv_share=pv_share)
    return await replay(lab, spec=spec, deadline=deadline, reporter=reporter)


async def replay(lab: RunningLab, *, spec: LoadSpec, deadline: float, reporter: Reporter) -> Replay:
    """Register the meters of `spec`, send their days to their edges, and look where they are.

    Raises:
        LabFailure: a step could not be finished before `deadline` (`time.monotonic`).
    """
    began = time.monotonic()
    loads = split_by_tenant(spec, lab.keys)
    tenants = [load.tenant for load in loads]
    meters = sum(load.count for load in loads)
    first, last = spec.first_day.toordinal() - EPOCH, spec.last_day.toordinal() - EPOCH
    margin = 1 if DRIFT in spec.faults else 0
    days = range(first - margin, last + margin + 1)
    reporter.step(f"registering {meters:,} meters")
    samples = [await _register(lab, load, deadline=deadline) for load in loads]
    count = partial(
        settled_count,
        lab.audit_url,
        redis_urls=_edges_first(lab),
        tenants=tenants,
        days=days,
        deadline=deadline,
    )
    before = await count()
    reporter.step(f"sending {_named(spec)}")
    sent = await _send(lab, spec, loads, deadline=deadline, reporter=reporter)
    reporter.step("finding each acknowledged reading in the cold store")
    expected = max(sent.acknowledged, before.distinct + sent.outcomes.get("accepted", 0))
    cold = await count(
        enough=expected,
        settle_s=SETTLE_S,
        on_progress=lambda done: reporter.progress(min(done, expected), expected),
    )
    hot = await count_hot(lab.stores.redis_urls, tenants=tenants, days=days, deadline=deadline)
    return Replay(
        spec=spec,
        meters=meters,
        sample=samples[0],
        sent=sent,
        before=before,
        cold=cold,
        hot=hot,
        seconds=time.monotonic() - began,
    )


async def _register(lab: RunningLab, load: Load, *, deadline: float) -> SampleMeter:
    """Register a tenant's meters, wait until every edge knows them, and return the first."""
    fleet = await fleet_of(load)
    top = gateway_url(headquarters(lab.topology))
    await register_meters(top, key=load.key, meters=fleet, deadline=deadline)
    await asyncio.gather(
        *(
            wait_until_known(gateway_url(edge), key=load.key, meters=fleet, deadline=deadline)
            for edge in edges(lab.topology)
        )
    )
    first = fleet[0]
    return SampleMeter(
        tenant=load.tenant,
        meter_id=first["meter_id"],
        register=first["registers"][0],
        interval_s=first["interval_s"],
    )


async def _send(
    lab: RunningLab,
    spec: LoadSpec,
    loads: Sequence[Load],
    *,
    deadline: float,
    reporter: Reporter,
) -> Sent:
    """Run an emulator for each edge that has a share of the load, all at once."""
    zones = edges(lab.topology)
    shares = {
        zone: share
        for zone, share in zip(zones, split_by_edge(loads, edges=len(zones)), strict=True)
        if share
    }
    progress: dict[str, tuple[int, int]] = {}

    def follow(name: str) -> Callable[[int, int], None]:
        def on_progress(done: int, total: int) -> None:
            progress[name] = done, total
            # The total is known when every emulator has spoken.
            if len(progress) == len(shares):
                reporter.progress(*(sum(column) for column in zip(*progress.values(), strict=True)))

        return on_progress

    base = lab.home.state / "load"
    base.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(
                    emulate(
                        meters_url(zone),
                        spec=spec,
                        loads=share,
                        rate=spec.rate / len(shares),
                        folder=folder / zone.name,
                        timeout_s=max(1.0, deadline - time.monotonic()),
                        on_progress=follow(zone.name),
                    )
                )
                for zone, share in shares.items()
            ]
    except* LabFailure as failures:
        failure = failures.exceptions[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if failure is not None:
        raise failure
    return add_up([run.result() for run in runs])


def _edges_first(lab: RunningLab) -> dict[str, str]:
    zones = sorted(lab.topology.zones, key=lambda zone: -zone.tier)
    urls = lab.stores.redis_urls
    return {zone.name: urls[zone.name] for zone in zones if zone.name in urls}


def _named(spec: LoadSpec) -> str:
    if spec.days == 1:
        return spec.first_day.isoformat()
    return f"{spec.first_day} to {spec.last_day}"
