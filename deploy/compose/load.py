"""`python -m deploy.compose.load`: emulated meters, day after day, as an outsider sends them.

Each day is one line of JSON on standard output: what was sent, and what became of it.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.cli.interruption import cancelled_by_signals
from deploy.compose.layout import gateway_url, topology
from deploy.lab.day import take_days
from deploy.lab.emulation import emulate
from deploy.lab.failure import LabFailure
from deploy.lab.keys_file import LabKeys, read_keys
from deploy.lab.load_spec import LoadSpec, split_by_edge, split_by_tenant
from deploy.lab.registration import fleet_of, register_meters, wait_until_known
from deploy.lab.topology import edges, headquarters


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rate` is readings/s (0: as fast as answers come), `days` 0 goes on until stopped."""

    meters: int
    seed: int
    rate: float
    days: int
    pause_s: float
    day_timeout_s: float
    state: Path
    keys: LabKeys


def read_plan() -> Plan:
    """Read the plan from the environment of the container."""
    environ = os.environ
    return Plan(
        meters=int(environ["LOAD_METERS"]),
        seed=int(environ["LOAD_SEED"]),
        rate=float(environ["LOAD_RATE"]),
        days=int(environ["LOAD_DAYS"]),
        pause_s=float(environ["LOAD_PAUSE_S"]),
        day_timeout_s=float(environ["LOAD_DAY_TIMEOUT_S"]),
        state=Path(environ["LOAD_STATE_DIR"]),
        keys=read_keys(Path(environ["LOAD_SECRETS_DIR"]) / "keys.json"),
    )


async def send_days(plan: Plan) -> bool:
    """Send day after day; True when every reading of every day was acknowledged."""
    sent = 0
    complete = True
    with cancelled_by_signals():
        try:
            while not plan.days or sent < plan.days:
                if sent:
                    await asyncio.sleep(plan.pause_s)
                figures = await send_day(plan)
                complete = complete and figures["acknowledged"] == figures["planned"]
                sys.stdout.write(json.dumps(figures) + "\n")
                sys.stdout.flush()
                (plan.state / "sent").touch()
                sent += 1
        except asyncio.CancelledError:
            return complete
    return complete


async def send_day(plan: Plan) -> dict[str, Any]:
    """Register the meters at headquarters, and send the next day to the edge.

    Raises:
        LabFailure: a step was not done before the day's deadline.
    """
    deadline = time.monotonic() + plan.day_timeout_s
    zones = topology()
    edge, top = gateway_url(edges(zones)[0]), gateway_url(headquarters(zones))
    first = take_days(plan.state / "day.json", days=1, today=datetime.now(UTC).date())
    spec = LoadSpec(meters=plan.meters, seed=plan.seed, first_day=first, rate=plan.rate)
    loads = split_by_tenant(spec, plan.keys)
    for load in loads:
        fleet = await fleet_of(load)
        await register_meters(top, key=load.key, meters=fleet, deadline=deadline)
        await wait_until_known(edge, key=load.key, meters=fleet, deadline=deadline)
    folder = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        sent = await emulate(
            edge,
            spec=spec,
            loads=split_by_edge(loads, edges=1)[0],
            rate=spec.rate,
            folder=folder,
            timeout_s=max(1.0, deadline - time.monotonic()),
            on_progress=lambda done, total: None,
        )
    finally:
        shutil.rmtree(folder)
    return {
        "day": first.isoformat(),
        "meters": plan.meters,
        "planned": sent.planned,
        "sent": sent.sent,
        "acknowledged": sent.acknowledged,
        "outcomes": sent.outcomes,
        "refused": sent.refused,
        "unanswered": sent.unanswered,
        "retries": sent.retries,
        "readings_per_second": sent.readings_per_second,
        "delay_ms": sent.delay_ms(),
        "seconds": round(sent.seconds, 3),
    }


def main() -> int:
    """Run; 0 when all was acknowledged, 1 when something failed, 4 when some was not."""
    try:
        return 0 if asyncio.run(send_days(read_plan())) else 4
    except LabFailure as error:
        sys.stderr.write(f"load: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
