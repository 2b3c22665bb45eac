"""A zone of tier 3 by itself, with a tenant's functions that nobody has called yet."""

import http.client
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.benchmarks.cold_functions import ANSWER, ColdFunction, deploy
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.listening import free_port
from deploy.lab.home import Home, make_home
from deploy.lab.ports import HOST
from deploy.lab.service import Service
from deploy.lab.service_env import gateway_env, make_zone_run, write_zone_secrets, zone_env
from deploy.lab.topology import gateway_url, zone_entries
from deploy.servers.valkey import running_valkey
from storage.platform.keys import DEFAULT_SCOPES, Role, hash_key, mint_key, mint_key_id
from storage.platform.snapshot import KeyEntry, Snapshot, TenantEntry, save_snapshot
from zones.topology import Topology, Zone

TENANT: Final = "bench"
ZONE: Final = "zone-3a"
READY_S: Final = 60.0
CALL_S: Final = 30.0
ZERO_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdZone:
    """The running zone."""

    port: int
    key: str
    agent: Service
    agent_socket: Path

    def first_reply_s(self, function: ColdFunction) -> float:
        """Call a function through the gateway; return seconds from connecting to the whole answer.

        Raises:
            MeasurementFailed: the answer is not the function's.
        """
        headers = {"authorization": f"Bearer {self.key}"}
        began = time.perf_counter()
        line = http.client.HTTPConnection(HOST, self.port, timeout=CALL_S)
        try:
            line.request("GET", f"/function/{function.name}/", headers=headers)
            answer = line.getresponse()
            body = answer.read().decode()
            took = time.perf_counter() - began
        except OSError as error:
            raise MeasurementFailed(f"{function.name}: {error}") from error
        finally:
            line.close()
        if answer.status != 200 or ANSWER not in body:
            lines = " | ".join(self.agent.last_lines()[-3:])
            raise MeasurementFailed(f"{function.name}: {answer.status} {body[:300]}; {lines}")
        return took

    def await_zero(self, functions: Sequence[ColdFunction]) -> None:
        """Wait until none of these functions has a worker.

        Raises:
            MeasurementFailed: one still has.
        """
        names = {function.name for function in functions}
        deadline = time.monotonic() + ZERO_S
        while left := names & {one["function"] for one in self._instances()}:
            if time.monotonic() > deadline:
                raise MeasurementFailed(f"workers do not go: {', '.join(sorted(left))}")
            time.sleep(0.1)

    def _instances(self) -> list[dict[str, Any]]:
        transport = httpx.HTTPTransport(uds=str(self.agent_socket))
        with httpx.Client(transport=transport, timeout=CALL_S) as client:
            found: list[dict[str, Any]] = client.get("http://agent/v1/instances").json()
            return found["instances"] if isinstance(found, dict) else found


@contextmanager
def cold_zone(
    folder: Path, *, functions: Sequence[ColdFunction], environment: dict[str, str]
) -> Iterator[ColdZone]:
    """Run the zone in `folder`; it is ready, and its functions are prepared, not started.

    `environment` is added to that of its agent.

    Raises:
        MeasurementFailed, ServerFailure: it did not start.
    """
    home = Home(folder / "state", folder / "run")
    make_home(home)
    with ExitStack() as stack:
        parent = stack.enter_context(socket.socket())
        # Held, and refused to everybody: the zone is cut off.
        parent.bind((HOST, 0))
        topology = Topology(
            zones=[
                Zone(name="zone-2", tier=2, port=int(parent.getsockname()[1])),
                Zone(name=ZONE, tier=3, port=free_port(), parent="zone-2"),
            ]
        )
        zone = topology.zone(ZONE)
        make_zone_run(home, zone)
        state = home.zone_state(ZONE)
        valkey = stack.enter_context(
            running_valkey(home.server_state("valkey"), home.zone_run(ZONE))
        )
        key = mint_key()
        credential = mint_key()
        secrets = {"redis_url": valkey.url, "zone_credential": credential}
        write_zone_secrets(home, zone, secrets)
        deployments = deploy(functions, tenant=TENANT, folder=state / "functions")
        snapshot = Snapshot(
            version=1,
            zone=ZONE,
            zones=zone_entries(topology),
            tenants=[TenantEntry(slug=TENANT, number=1, name="Benchmark", zones=[ZONE])],
            keys=[_key(key, Role.TENANT_SERVICE), _key(credential, Role.ZONE)],
            deployments=deployments,
        )
        save_snapshot(state / "snapshot.json", snapshot)
        running = ColdZone(
            port=zone.port,
            key=key,
            agent=_service("zones.agent", zone_env(home, zone, topology) | environment, home),
            agent_socket=home.zone_run(ZONE) / "agent.sock",
        )
        gateway = _service("gateway", gateway_env(home, zone, topology), home)
        for service in (running.agent, gateway):
            stack.callback(service.stop)
            service.launch()
        _await_ready(f"{gateway_url(zone)}/readyz", running.agent)
        yield running


def _key(text: str, role: Role) -> KeyEntry:
    tenant = TENANT if role is Role.TENANT_SERVICE else None
    return KeyEntry(
        key_id=mint_key_id(),
        hash=hash_key(text),
        tenant=tenant,
        role=role,
        scopes=sorted(DEFAULT_SCOPES[role]),
        zone=None if tenant else ZONE,
    )


def _service(module: str, env: dict[str, str], home: Home) -> Service:
    return Service(module, module=module, env=env, log_path=home.logs / f"{module}.log")


def _await_ready(url: str, agent: Service) -> None:
    deadline = time.monotonic() + READY_S
    reason = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, timeout=5, trust_env=False)
            if answer.status_code == 200:
                return
            reason = f"{answer.status_code} {answer.text[:200]}"
        except httpx.TransportError as error:
            reason = str(error)
        time.sleep(0.1)
    raise MeasurementFailed(
        f"the zone is not ready: {reason}; {' | '.join(agent.last_lines()[-3:])}"
    )
