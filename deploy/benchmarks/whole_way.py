"""The whole way: an edge, a fog and headquarters as a lab runs them, from meter to record."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import psutil
import redis

from deploy.benchmarks.cpu_seconds import with_children
from deploy.benchmarks.edge_zone import server_version
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.listening import free_port
from deploy.benchmarks.step import FIRST_METER, INTERVAL_S, REGISTER, meter_name
from deploy.lab.bootstrap import TENANTS
from deploy.lab.cold_count import count_cold
from deploy.lab.home import Home
from deploy.lab.registration import register_meters, wait_until_known
from deploy.lab.reporting import Reporter
from deploy.lab.running import RunningLab, running_lab
from deploy.lab.status_file import read_status
from deploy.lab.topology import edges, gateway_url, headquarters
from deploy.servers.secret_file import write_secret
from storage.cold.walls import tenant_role
from storage.hot.keys import uplink_key, validation_key
from zones.topology import Topology, Zone

TENANT: Final = TENANTS[0].slug
START_S: Final = 240.0
ANSWER_S: Final = 10.0
FOLD_S: Final = 180.0
PAUSE_S: Final = 0.2
# As the names of workers' processes begin; the system keeps 15 characters of one.
_FUNCTIONS: Final = ("mdms", "traffic_schedul")


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeWay:
    """A running lab of one zone a tier; `hot` are its hot stores, the edge's first."""

    lab: RunningLab
    key_file: Path
    hot: Mapping[str, "redis.Redis"]

    @property
    def url(self) -> str:
        """The edge's gateway."""
        return gateway_url(edges(self.lab.topology)[0])

    @property
    def headquarters(self) -> str:
        """The zone that has the record."""
        return headquarters(self.lab.topology).name

    @property
    def version(self) -> str:
        """The version of the edge's Valkey or Redis."""
        return server_version(next(iter(self.hot.values())))

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes by what they do and where; workers by the function they serve."""
        groups: dict[str, list[psutil.Process]] = {}
        for name, pid in self._supervised():
            for one in with_children(pid):
                function, _, _ = one.name().partition(":")
                known = function in _FUNCTIONS and name.startswith("agent-")
                group = name.replace("agent", function, 1) if known else name
                groups.setdefault(group, []).append(one)
        return groups

    def every_process(self) -> list[psutil.Process]:
        """The lab's processes with all that they have started."""
        return [one for _, pid in self._supervised() for one in with_children(pid)]

    def _supervised(self) -> list[tuple[str, int]]:
        status = read_status(self.lab.home)
        if status is None or any(one.pid is None or one.restarts for one in status.processes):
            raise MeasurementFailed("a process of the lab has died")
        return [(one.name, one.pid) for one in status.processes if one.pid is not None]

    def arrived(self) -> bool:
        """Tell whether all is validated and committed at headquarters: no entry waits anywhere."""
        return not any(self.waiting().values())

    def waiting(self) -> dict[str, int]:
        """Entries on each stream that leads to the record, by stream and zone."""
        names = {"uplink": uplink_key(TENANT), "validation": validation_key(TENANT)}
        return {
            f"{stream}-{zone}": int(store.xlen(name))
            for zone, store in self.hot.items()
            for stream, name in names.items()
        }

    def clear(self) -> None:
        """Nothing stays behind: entries leave a zone when their parent has them."""

    async def committed(self) -> tuple[int, int]:
        """Count the readings in the record: all that there are, and those that differ."""
        count = await count_cold(self.lab.audit_url, tenants=[TENANT])
        return count.found, count.distinct

    async def stored_bytes(self) -> dict[str, int]:
        """What the readings take up: at headquarters in blocks with their indexes, once the tail is
        folded, and in each zone's hot store in strips, places and histories, keys included.

        Raises:
            MeasurementFailed: the tail was not folded in time.
        """
        cold = await _cold_bytes(self.lab.stores.database_url)
        hot = {zone: await asyncio.to_thread(_hot_bytes, one) for zone, one in self.hot.items()}
        return {self.headquarters: cold} | hot


async def _cold_bytes(database_url: str) -> int:
    schema = tenant_role(TENANT)
    connection = await asyncpg.connect(database_url, timeout=ANSWER_S)
    try:
        deadline = time.monotonic() + FOLD_S
        while await connection.fetchval(f"SELECT count(*) FROM {schema}.tail"):
            if time.monotonic() > deadline:
                raise MeasurementFailed(f"the tail was not folded within {FOLD_S} s")
            await asyncio.sleep(PAUSE_S)
        # What the folding replaced is not what the readings take up.
        await connection.execute(f"VACUUM (FULL, ANALYZE) {schema}.blocks", timeout=FOLD_S)
        size = await connection.fetchval(f"SELECT pg_total_relation_size('{schema}.blocks')")
    finally:
        await connection.close(timeout=ANSWER_S)
    return int(size)


def _hot_bytes(store: "redis.Redis") -> int:
    total = 0
    for pattern in ("s", "p", "h"):
        for name in store.scan_iter(f"{TENANT}:{pattern}:*", count=1_000):
            total += store.memory_usage(name, samples=0) or 0
    return total


@asynccontextmanager
async def zone_a_tier(
    folder: Path, *, deadline: float, reporter: Reporter
) -> AsyncIterator[WholeWay]:
    """Run the lab in `folder`, without any meter; `deadline` (`time.monotonic`) is its start's.

    Raises:
        LabFailure, ServerFailure: it did not start.
    """
    topology = Topology(
        zones=[
            Zone(name="zone-1", tier=1, port=free_port()),
            Zone(name="zone-2", tier=2, port=free_port(), parent="zone-1"),
            Zone(name="zone-3a", tier=3, port=free_port(), parent="zone-2"),
        ]
    )
    async with running_lab(
        Home(folder / "state", folder / "run"),
        topology,
        environ={},
        deadline=deadline,
        reporter=reporter,
    ) as lab:
        key_file = folder / "whole-way-key"
        write_secret(key_file, lab.keys.tenants[TENANT])
        stores = {
            zone: redis.Redis.from_url(url, socket_timeout=ANSWER_S)
            for zone, url in reversed(lab.stores.redis_urls.items())
        }
        try:
            yield WholeWay(lab=lab, key_file=key_file, hot=stores)
        finally:
            for store in stores.values():
                store.close()


@asynccontextmanager
async def whole_way(folder: Path, *, meters: int, reporter: Reporter) -> AsyncIterator[WholeWay]:
    """Run the lab in `folder`; every zone's registry has `meters` meters when the block begins.

    Raises:
        LabFailure, ServerFailure: it did not start.
    """
    deadline = time.monotonic() + START_S
    async with zone_a_tier(folder, deadline=deadline, reporter=reporter) as whole:
        key, topology = whole.lab.keys.tenants[TENANT], whole.lab.topology
        forms = [
            {
                "meter_id": meter_name(number + FIRST_METER),
                "registers": [REGISTER],
                "interval_s": INTERVAL_S,
            }
            for number in range(meters)
        ]
        reporter.step(f"registering {meters} meters at headquarters")
        top = gateway_url(headquarters(topology))
        await register_meters(top, key=key, meters=forms, deadline=deadline)
        for zone in topology.zones[1:]:
            await wait_until_known(gateway_url(zone), key=key, meters=forms, deadline=deadline)
        yield whole
