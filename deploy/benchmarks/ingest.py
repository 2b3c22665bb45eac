"""Our ways beside COPY: the same readings, on the same machine, in turns."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from deploy.benchmarks.copy_peer import INDEXED, UNINDEXED, CopyPeer, open_peer
from deploy.benchmarks.cpu_seconds import Groups
from deploy.benchmarks.edge_load import Bodies, send_step
from deploy.benchmarks.edge_zone import edge_zone
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.ingest_bars import (
    EDGE,
    SIZES,
    WHOLE,
    bars,
    measurement,
    medians,
    size_bars,
)
from deploy.benchmarks.rest import wait_for_rest
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.step import INTERVAL_S, SHAPES, SLOTS, Streams
from deploy.benchmarks.surroundings import machine, versions
from deploy.benchmarks.target import Target
from deploy.benchmarks.whole_way import WholeWay, whole_way
from deploy.lab.reporting import Reporter
from deploy.servers.postgres import running_postgres

WARM_UP_READINGS: Final = 20_000
# The way through all zones has pauses of seconds - what belongs together is validated together, and
# gaps are looked for from time to time - that a short step would mostly consist of.
WHOLE_WARM_UP_READINGS: Final = 600_000
WHOLE_TIMES_AS_LONG: Final = 10
# Whole commits of the peer, whole bodies of ours.
STEP_OF_READINGS: Final = 10_000

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One line of the comparison; `bodies` is None for the peer, which copies into `table`."""

    name: str
    shape: str
    way: str = EDGE
    bodies: Bodies | None = None
    table: str = ""


def plan(
    *, forms: Sequence[str], connections: int, ways: Sequence[str] = (EDGE,)
) -> list[Measured]:
    """Return a round's measurements, each peer beside those that are compared with it."""
    planned = [Measured(name="copy_unindexed", shape="live", table=UNINDEXED)]
    for shape in SHAPES:
        planned.append(Measured(name=f"copy_{shape}", shape=shape, table=INDEXED))
        planned += [
            Measured(
                name=measurement(way=way, form=form, shape=shape, size=size),
                shape=shape,
                way=way,
                bodies=Bodies(form=form, per_body=size, connections=connections),
            )
            for way, form, size in product(ways, forms, SIZES)
        ]
    return planned


async def compare_ingest(
    *,
    rounds: int,
    seconds: float,
    meters: int,
    connections: int,
    forms: Sequence[str],
    ways: Sequence[str] = (EDGE,),
    command: str,
    reporter: Reporter,
) -> Figures:
    """Measure both sides `rounds` times in alternating order; return the benchmark's object.

    A first pass over a few readings finds how many make a measurement of about `seconds`, the whole
    way of `WHOLE_TIMES_AS_LONG` that; every round then takes that many, none of them sent before.

    Raises:
        MeasurementFailed, ServerFailure: a server did not start, or a step broke.
    """
    planned = plan(forms=forms, connections=connections, ways=ways)
    found: Figures = {}
    async with _every_side(ways, meters=meters, reporter=reporter) as (peer, targets):
        bench = _Bench(targets=targets, peer=peer, meters=meters)
        whole = targets.get(WHOLE)
        if isinstance(whole, WholeWay):
            reporter.step("a day the whole way, and what it takes up")
            found = size_bars(
                await bench.stored_day(whole, connections=connections),
                readings=meters * SLOTS,
                headquarters=whole.headquarters,
            )
        reporter.step("warming up")
        readings = {
            one.name: _enough(await bench.measure(one, _warm_up(one)), _length_s(one, seconds))
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
        if isinstance(whole, WholeWay):
            reporter.step("counting the record")
            await bench.check_record(whole)
        servers = {"postgresql": peer.version, "valkey": next(iter(targets.values())).version}
    return {
        "machine": machine(),
        "versions": versions("asyncpg", "httptools", "msgspec", "numpy", "uvloop") | servers,
        "command": command,
        "load": {"meters": meters, "interval_s": INTERVAL_S, "connections": connections},
        "rounds": measured,
        "medians": medians(measured),
        "bars": bars(measured, forms=forms, ways=ways) | found,
    }


@asynccontextmanager
async def _every_side(
    ways: Sequence[str], *, meters: int, reporter: Reporter
) -> AsyncIterator[tuple[CopyPeer, dict[str, Target]]]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        reporter.step("starting PostgreSQL")
        postgres = stack.enter_context(running_postgres(folder / "pg", folder / "run"))
        peer = await open_peer(postgres)
        stack.push_async_callback(peer.close)
        targets: dict[str, Target] = {}
        if EDGE in ways:
            reporter.step("starting a zone of Valkey, agent and gateway")
            targets[EDGE] = stack.enter_context(edge_zone(folder / "zone", meters=meters))
        if WHOLE in ways:
            targets[WHOLE] = await stack.enter_async_context(
                whole_way(folder / "lab", meters=meters, reporter=reporter)
            )
        yield peer, targets


class _Bench:
    """Every side, and the readings that are still new to it."""

    def __init__(self, *, targets: Mapping[str, Target], peer: CopyPeer, meters: int) -> None:
        self._targets = targets
        self._peer = peer
        self._meters = meters
        # Apart, since a side that skips what another one had would begin a day too often.
        self._ours = {way: Streams(meters=meters) for way in targets}
        self._peers = Streams(meters=meters)
        self._sent = 0

    async def measure(self, one: Measured, readings: int) -> Figures:
        """Run one measurement over `readings` that were never sent, once both sides rest."""
        await asyncio.to_thread(wait_for_rest, self._processes)
        if one.bodies is None:
            step = self._peers.take(one.shape, readings)
            figures = await self._peer.run(step, table=one.table)
        else:
            step = self._ours[one.way].take(one.shape, readings)
            target = self._targets[one.way]
            figures = await asyncio.to_thread(send_step, target, step, one.bodies)
            await asyncio.to_thread(target.clear)
            if one.way == WHOLE:
                self._sent += readings
        cpu = figures["cpu_seconds"]
        serving = sum(cpu.values()) - cpu["client"]
        return figures | {
            "readings_per_second": round(readings / figures["seconds"]),
            "readings_per_server_cpu_second": round(readings / max(serving, 0.01)),
            "from": {"first_s": step.first_s, "skipped": step.skip},
        }

    async def stored_day(self, whole: WholeWay, *, connections: int) -> dict[str, int]:
        """Send every meter's first day the whole way; the bytes that it takes up, by zone."""
        step = self._ours[WHOLE].take("live", self._meters * SLOTS)
        bodies = Bodies(form="series", per_body=max(SIZES), connections=connections)
        await asyncio.to_thread(send_step, whole, step, bodies)
        self._sent += step.readings
        return await whole.stored_bytes()

    async def check_record(self, whole: WholeWay) -> None:
        """Raise MeasurementFailed unless the record has each reading sent that way once."""
        found, distinct = await whole.committed()
        if not found == distinct == self._sent:
            raise MeasurementFailed(
                f"{self._sent} readings were sent, {found} are in the record, {distinct} differ"
            )

    def _processes(self) -> Groups:
        ours = {way: target.every_process() for way, target in self._targets.items()}
        return ours | {"peer": self._peer.every_process()}


def _warm_up(one: Measured) -> int:
    return WHOLE_WARM_UP_READINGS if one.way == WHOLE else WARM_UP_READINGS


def _length_s(one: Measured, seconds: float) -> float:
    return seconds * WHOLE_TIMES_AS_LONG if one.way == WHOLE else seconds


def _enough(figures: Figures, seconds: float) -> int:
    """Return how many readings such a measurement takes in about `seconds`."""
    steps = int(figures["readings_per_second"] * seconds / STEP_OF_READINGS)
    return max(1, steps) * STEP_OF_READINGS
