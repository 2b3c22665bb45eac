"""The acknowledged edge path beside COPY: the same readings, on the same machine, in turns."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.benchmarks.copy_peer import INDEXED, UNINDEXED, CopyPeer, open_peer
from deploy.benchmarks.cpu_seconds import Groups
from deploy.benchmarks.edge_load import Bodies, send_step
from deploy.benchmarks.edge_zone import EdgeZone, edge_zone
from deploy.benchmarks.ingest_bars import SIZES, bars, medians
from deploy.benchmarks.rest import wait_for_rest
from deploy.benchmarks.step import INTERVAL_S, SHAPES, Streams
from deploy.benchmarks.surroundings import machine, versions
from deploy.lab.reporting import Reporter
from deploy.servers.postgres import PostgresServer, running_postgres

WARM_UP_READINGS: Final = 20_000
# Whole commits of the peer, whole bodies of ours.
STEP_OF_READINGS: Final = 10_000

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One line of the comparison; `bodies` is None for the peer, which copies into `table`."""

    name: str
    shape: str
    bodies: Bodies | None = None
    table: str = ""


def plan(*, forms: Sequence[str], connections: int) -> list[Measured]:
    """Return a round's measurements, each peer beside those that are compared with it."""
    planned = [Measured(name="copy_unindexed", shape="live", table=UNINDEXED)]
    for shape in SHAPES:
        planned.append(Measured(name=f"copy_{shape}", shape=shape, table=INDEXED))
        planned += [
            Measured(
                name=f"{form}_{shape}_{size}",
                shape=shape,
                bodies=Bodies(form=form, per_body=size, connections=connections),
            )
            for form in forms
            for size in SIZES
        ]
    return planned


async def compare_ingest(
    *,
    rounds: int,
    seconds: float,
    meters: int,
    connections: int,
    forms: Sequence[str],
    command: str,
    reporter: Reporter,
) -> Figures:
    """Measure both sides `rounds` times in alternating order; return the benchmark's object.

    A first pass over a few readings finds how many make a measurement of about `seconds`; every
    round then takes that many, none of them sent before.

    Raises:
        MeasurementFailed, ServerFailure: a server did not start, or a step broke.
    """
    planned = plan(forms=forms, connections=connections)
    reporter.step("starting PostgreSQL, and a zone of Valkey, agent and gateway")
    with _both_sides(meters) as (postgres, zone):
        peer = await open_peer(postgres)
        try:
            bench = _Bench(zone=zone, peer=peer, meters=meters)
            reporter.step("warming up")
            readings = {
                one.name: _enough(await bench.measure(one, WARM_UP_READINGS), seconds)
                for one in planned
            }
            measured: list[Figures] = []
            for number in range(rounds):
                reporter.step(f"round {number + 1} of {rounds}")
                figures = {
                    one.name: await bench.measure(one, readings[one.name])
                    for one in (planned if number % 2 == 0 else planned[::-1])
                }
                measured.append({one.name: figures[one.name] for one in planned})
            servers = {"postgresql": peer.version, "valkey": zone.version}
        finally:
            await peer.close()
    return {
        "machine": machine(),
        "versions": versions("asyncpg", "httptools", "msgspec", "numpy", "uvloop") | servers,
        "command": command,
        "load": {"meters": meters, "interval_s": INTERVAL_S, "connections": connections},
        "rounds": measured,
        "medians": medians(measured),
        "bars": bars(measured, forms=forms),
    }


@contextmanager
def _both_sides(meters: int) -> Iterator[tuple[PostgresServer, EdgeZone]]:
    with tempfile.TemporaryDirectory(prefix="gf-bench-", dir="/tmp") as name:
        folder = Path(name)
        # Servers and workers run under accounts of their own when we are root.
        folder.chmod(0o711)
        with (
            running_postgres(folder / "pg", folder / "run") as postgres,
            edge_zone(folder / "zone", meters=meters) as zone,
        ):
            yield postgres, zone


class _Bench:
    """Both sides, and the readings that are still new."""

    def __init__(self, *, zone: EdgeZone, peer: CopyPeer, meters: int) -> None:
        self._zone = zone
        self._peer = peer
        # Apart, since a side that skips what the other one had would begin a day too often.
        self._ours = Streams(meters=meters)
        self._peers = Streams(meters=meters)

    async def measure(self, one: Measured, readings: int) -> Figures:
        """Run one measurement over `readings` that were never sent, once both sides rest."""
        await asyncio.to_thread(wait_for_rest, self._processes)
        if one.bodies is None:
            step = self._peers.take(one.shape, readings)
            figures = await self._peer.run(step, table=one.table)
        else:
            step = self._ours.take(one.shape, readings)
            figures = await asyncio.to_thread(send_step, self._zone, step, one.bodies)
            await asyncio.to_thread(self._zone.forget_uplink)
        cpu = figures["cpu_seconds"]
        serving = sum(cpu.values()) - cpu["client"]
        return figures | {
            "readings_per_second": round(readings / figures["seconds"]),
            "readings_per_server_cpu_second": round(readings / max(serving, 0.01)),
            "from": {"first_s": step.first_s, "skipped": step.skip},
        }

    def _processes(self) -> Groups:
        return {"zone": self._zone.every_process(), "peer": self._peer.every_process()}


def _enough(figures: Figures, seconds: float) -> int:
    """Return how many readings such a measurement takes in about `seconds`."""
    steps = int(figures["readings_per_second"] * seconds / STEP_OF_READINGS)
    return max(1, steps) * STEP_OF_READINGS
