"""A zone of tier 3 by itself: real Valkey, agent, gateway and workers; its parent is gone."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import httpx
import msgspec
import psutil
import redis

from deploy.benchmarks.cpu_seconds import with_children
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.listening import free_port
from deploy.benchmarks.step import FIRST_METER, INTERVAL_S, REGISTER, meter_name
from deploy.lab.home import Home, make_home
from deploy.lab.ports import HOST
from deploy.lab.service import Service
from deploy.lab.service_env import gateway_env, make_zone_run, write_zone_secrets, zone_env
from deploy.lab.topology import gateway_url, zone_entries
from deploy.servers.allocator import jemalloc
from deploy.servers.secret_file import write_secret
from deploy.servers.valkey import ValkeyServer, running_valkey
from storage.hot.keys import uplink_bytes_key, uplink_key
from storage.hot.library import UPLINK_ACK
from storage.model.meter import Meter
from storage.platform.keys import DEFAULT_SCOPES, Role, hash_key, mint_key, mint_key_id
from storage.platform.snapshot import KeyEntry, Snapshot, TenantEntry, save_snapshot
from zones.topology import Topology, Zone

TENANT: Final = "bench"
ZONE: Final = "zone-3a"
READY_S: Final = 60.0
METERS_PER_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeZone:
    """The running zone; `key_file` holds the tenant's key."""

    url: str
    key_file: Path
    valkey: ValkeyServer
    agent: Service
    gateway: Service

    @property
    def version(self) -> str:
        """The version of the zone's Valkey or Redis."""
        with redis.Redis.from_url(self.valkey.url, socket_timeout=READY_S) as client:
            return server_version(client)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return the processes by what they do; the tenant's worker must have been called."""
        pids = (self.valkey.pid, self.gateway.pid, self.agent.pid)
        if None in pids:
            raise MeasurementFailed("a process of the zone has died")
        valkey, gateway, agent = cast(tuple[int, int, int], pids)
        agents = with_children(agent)
        workers = [one for one in agents if one.name().startswith("mdms:")]
        return {
            "gateway": [psutil.Process(gateway)],
            "worker": workers,
            "valkey": [psutil.Process(valkey)],
            "others": [one for one in agents if one not in workers],
        }

    def every_process(self) -> list[psutil.Process]:
        """Return the processes with all that they have started, by whatever name."""
        return [
            one
            for pid in (self.valkey.pid, self.gateway.pid, self.agent.pid)
            if pid is not None
            for one in with_children(pid)
        ]

    def arrived(self) -> bool:
        """An acknowledged reading is where the edge takes it."""
        return True

    def clear(self) -> None:
        """Take the entries that wait for the parent off the store, as if it had them."""
        with redis.Redis.from_url(self.valkey.url, socket_timeout=READY_S) as client:
            last = cast(list[Any], client.xrevrange(uplink_key(TENANT), count=1))
            if last:
                keys = uplink_key(TENANT), uplink_bytes_key(TENANT)
                client.fcall(UPLINK_ACK, 2, *keys, last[0][0])


@contextmanager
def edge_zone(folder: Path, *, meters: int) -> Iterator[EdgeZone]:
    """Run the zone in `folder`, which must be passable for other users when we are root.

    Its registry has `meters` meters when the block begins.

    Raises:
        MeasurementFailed, ServerFailure: it did not start.
    """
    home = Home(folder / "state", folder / "run")
    make_home(home)
    with ExitStack() as stack:
        parent_port = stack.enter_context(_port_without_listener())
        topology = Topology(
            zones=[
                Zone(name="zone-2", tier=2, port=parent_port),
                Zone(name=ZONE, tier=3, port=free_port(), parent="zone-2"),
            ]
        )
        zone = topology.zone(ZONE)
        make_zone_run(home, zone)
        valkey = stack.enter_context(
            running_valkey(home.server_state("valkey"), home.zone_run(ZONE))
        )
        keys = {Role.TENANT_SERVICE: mint_key(), Role.ZONE: mint_key()}
        secrets = {"redis_url": valkey.url, "zone_credential": keys[Role.ZONE]}
        write_zone_secrets(home, zone, secrets)
        save_snapshot(home.zone_state(ZONE) / "snapshot.json", _snapshot(topology, keys))
        key_file = folder / "key"
        write_secret(key_file, keys[Role.TENANT_SERVICE])
        running = EdgeZone(
            url=gateway_url(zone),
            key_file=key_file,
            valkey=valkey,
            agent=_service("zones.agent", zone_env(home, zone, topology), home),
            gateway=_service("gateway", gateway_env(home, zone, topology), home),
        )
        for service in (running.agent, running.gateway):
            stack.callback(service.stop)
            service.launch()
        _register(running, key=keys[Role.ZONE], meters=meters)
        yield running


def server_version(client: "redis.Redis") -> str:
    """The version of the Valkey or Redis that `client` speaks to, and what allocates for it."""
    info = client.info()
    version = str(info.get("valkey_version") or info["redis_version"])
    allocator = str(info["mem_allocator"])
    if allocator == "libc":
        allocator = jemalloc() or allocator
    return f"{version} ({allocator})"


def _service(module: str, env: dict[str, str], home: Home) -> Service:
    return Service(module, module=module, env=env, log_path=home.logs / f"{module}.log")


def _snapshot(topology: Topology, keys: dict[Role, str]) -> Snapshot:
    entries = [
        KeyEntry(
            key_id=mint_key_id(),
            hash=hash_key(text),
            tenant=TENANT if role is Role.TENANT_SERVICE else None,
            role=role,
            scopes=sorted(DEFAULT_SCOPES[role]),
            zone=ZONE if role is Role.ZONE else None,
        )
        for role, text in keys.items()
    ]
    tenant = TenantEntry(slug=TENANT, number=1, name="Benchmark", zones=[ZONE])
    zones = zone_entries(topology)
    return Snapshot(version=1, zone=ZONE, zones=zones, tenants=[tenant], keys=entries)


def _register(zone: EdgeZone, *, key: str, meters: int) -> None:
    """Give the zone its registry as its parent would: pages of the downlink."""
    headers = {"authorization": f"Bearer {key}", "gridfaas-tenant": TENANT}
    deadline = time.monotonic() + READY_S
    with httpx.Client(base_url=zone.url, headers=headers, timeout=READY_S, trust_env=False) as http:
        for after in range(0, meters, METERS_PER_PAGE):
            version = min(after + METERS_PER_PAGE, meters)
            page = [
                Meter(
                    meter_id=meter_name(number + FIRST_METER),
                    registers=(REGISTER,),
                    interval_s=INTERVAL_S,
                    version=number + 1,
                )
                for number in range(after, version)
            ]
            body = {"after": after, "version": version, "complete": True, "meters": page}
            _post(http, msgspec.json.encode(body), zone=zone, deadline=deadline)


def _post(http: httpx.Client, body: bytes, *, zone: EdgeZone, deadline: float) -> None:
    """Post one page, again while the zone is starting."""
    headers = {"content-type": "application/json"}
    while True:
        try:
            answer = http.post("/v1/mdms/downlink", content=body, headers=headers)
            reason = f"{answer.status_code} {answer.text[:300]}"
            if answer.status_code == 200:
                return
        except httpx.TransportError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            logs = [*zone.gateway.last_lines()[-2:], *zone.agent.last_lines()[-2:]]
            raise MeasurementFailed(f"the zone is not ready: {reason}; {' | '.join(logs)}")
        time.sleep(0.1)


@contextmanager
def _port_without_listener() -> Iterator[int]:
    """Hold a port that refuses every connection."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield int(held.getsockname()[1])
