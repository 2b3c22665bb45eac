"""A lab for the length of a block: every process up and ready inside, none left outside."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.backup.plan_file import plan_path
from deploy.lab.bootstrap import TENANTS, close_own_server, open_audit, record_lab
from deploy.lab.home import Home, make_home, remove_unused
from deploy.lab.keys_file import LabKeys, keep_tenant_keys, lasting_keys
from deploy.lab.leftovers import end_leftovers
from deploy.lab.link_service import link_service, ports_of_links
from deploy.lab.lock import hold_lab
from deploy.lab.monitoring import NoPrometheus, plan_prometheus
from deploy.lab.ports import require_free
from deploy.lab.processes import Stores, isolation, plan_services, plan_stores
from deploy.lab.readiness import NotReadyInTime, wait_until_ready
from deploy.lab.reporting import Reporter
from deploy.lab.service import Service
from deploy.lab.service_env import archiver_env
from deploy.lab.status_file import LabStatus, StatusKeeper, status_path
from deploy.lab.supervisor import Supervisor
from deploy.lab.topology import gateway_url
from deploy.servers.secret_file import lasting_password
from storage.migrations import upgrade
from zones.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningLab:
    """What a lab's user needs to know of it."""

    home: Home
    topology: Topology
    stores: Stores
    keys: LabKeys
    audit_url: str = ""
    """PostgreSQL for whoever counts: reads records, never keys, and writes nothing."""
    prometheus_url: str | None = None


@asynccontextmanager
async def running_lab(
    home: Home,
    topology: Topology,
    *,
    environ: Mapping[str, str],
    deadline: float,
    reporter: Reporter,
) -> AsyncIterator[RunningLab]:
    """Bring the lab up, keep it up, and end all that was started, also after an error.

    To be used on the main thread: the processes live as long as it does. `deadline` is in
    `time.monotonic`.

    Raises:
        LabFailure, ServerFailure: it cannot be brought up; nothing is left behind.
    """
    made = make_home(home)
    with hold_lab(home.state), _sockets_removed(home), _state_removed_if_unused(home, made):
        await end_leftovers(home, reporter=reporter)
        require_free((f"the gateway of {zone.name}", zone.port) for zone in topology.zones)
        require_free(ports_of_links(topology))
        keys = lasting_keys(
            home.state / "keys.json",
            tenants=[tenant.slug for tenant in TENANTS],
            zones=[zone.name for zone in topology.zones],
        )
        keep_tenant_keys(home.state, keys)
        supervisor = Supervisor()
        keepers: list[asyncio.Task[None]] = []
        try:
            stores = plan_stores(home, topology, environ=environ)
            await _start_servers(stores, supervisor, deadline=deadline, reporter=reporter)
            reporter.step("preparing the record")
            await asyncio.to_thread(upgrade, stores.database_url)
            if stores.owns_postgres:
                await close_own_server(stores.database_url)
            await record_lab(stores.database_url, topology=topology, keys=keys)
            audit_url = await open_audit(
                stores.database_url, password=lasting_password(home.state / "audit_password")
            )
            links = link_service(home, topology)
            if links is not None:
                reporter.step("putting links between zones")
                supervisor.add([(links.name, links)])
            reporter.step("starting agents and gateways")
            for services in plan_services(home, topology, stores=stores, keys=keys):
                supervisor.add(list(services.items()))
            status = StatusKeeper(home, _about(home, topology, stores, audit_url), supervisor)
            keepers = [
                asyncio.create_task(supervisor.watch()),
                asyncio.create_task(status.run()),
            ]
            try:
                await wait_until_ready(topology.zones, deadline=deadline, reporter=reporter)
            except NotReadyInTime as error:
                why = supervisor.troubles() or "no process died"
                raise NotReadyInTime(f"{error}; {why} (logs: {home.logs})") from error
            prometheus_url = _start_prometheus(
                home, topology, supervisor, environ=environ, keys=keys, reporter=reporter
            )
            _start_archiver(home, supervisor, environ=environ, reporter=reporter)
            status.say_up(prometheus_url=prometheus_url)
            yield RunningLab(
                home=home,
                topology=topology,
                stores=stores,
                keys=keys,
                audit_url=audit_url,
                prometheus_url=prometheus_url,
            )
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            reporter.step("ending what was started")
            await supervisor.stop()
            status_path(home).unlink(missing_ok=True)


@contextmanager
def _sockets_removed(home: Home) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(home.run, ignore_errors=True)


@contextmanager
def _state_removed_if_unused(home: Home, made: Path | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        remove_unused(home, made)
        raise


async def _start_servers(
    stores: Stores, supervisor: Supervisor, *, deadline: float, reporter: Reporter
) -> None:
    if not stores.servers:
        return
    for server in stores.servers.values():
        # Before the first is launched: a start that cannot succeed leaves no data behind.
        await asyncio.to_thread(server.find_binaries)
    reporter.step(f"starting {', '.join(stores.servers)}")
    supervisor.add(list(stores.servers.items()))
    left_s = max(1.0, deadline - time.monotonic())
    await asyncio.gather(
        *(
            asyncio.to_thread(server.wait_until_ready, timeout_s=left_s)
            for server in stores.servers.values()
        )
    )


def _start_prometheus(
    home: Home,
    topology: Topology,
    supervisor: Supervisor,
    *,
    environ: Mapping[str, str],
    keys: LabKeys,
    reporter: Reporter,
) -> str | None:
    """Start it if there is one, and return where it answers; the lab is whole without it."""
    try:
        prometheus = plan_prometheus(home, topology, environ=environ, metrics_key=keys.metrics)
    except NoPrometheus as error:
        reporter.step(f"no Prometheus: {error}")
        return None
    supervisor.add([("prometheus", prometheus)])
    return prometheus.url


def _start_archiver(
    home: Home, supervisor: Supervisor, *, environ: Mapping[str, str], reporter: Reporter
) -> None:
    """Keep the archive of WAL current, where `gridfaas backup` was told an address."""
    if not plan_path(home).exists():
        return
    reporter.step("archiving the record's WAL")
    archiver = Service(
        "backup",
        module="deploy.backup",
        env=archiver_env(home, environ=environ),
        log_path=home.logs / "backup.log",
        lock=home.locks / "backup.lock",
    )
    supervisor.add([("backup", archiver)])


def _about(home: Home, topology: Topology, stores: Stores, audit_url: str) -> LabStatus:
    return LabStatus(
        pid=os.getpid(),
        isolation=isolation(),
        topology=topology,
        gateways={zone.name: gateway_url(zone) for zone in topology.zones},
        database_url=audit_url,
        redis_urls=stores.redis_urls,
        logs=str(home.logs),
        keys_file=str(home.state / "keys.json"),
    )
