"""A zone of real processes whose tenant has a broker: Mosquitto, Valkey, agent, gateway, mdms."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis

from storage.platform.keys import hash_key
from storage.platform.snapshot import KeyEntry, save_snapshot
from tests.integration.mqtt.broker import PASSWORD, Broker, running_broker
from tests.integration.zones.agent_process import ROOT, Agent, running_agent, until
from tests.integration.zones.conftest import SNAPSHOT, edge_environment, free_port, short_folder
from tests.integration.zones.gateway_process import running_gateway

ACME, BASRA, ZONE = "gf_acme", "gf_basra", "gf_zone3a"
METERS = [f"m-{number}" for number in range(1, 9)]
REGISTER = "1-0:1.8.0"
SETTINGS = '{"mqtt_intake": {"answer_within_s": 10, "in_flight": 4, "longest_retry_s": 0.5}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """The zone's agent, its gateway's address, the broker, and where secrets lie."""

    agent: Agent
    url: str
    broker: Broker
    secrets: Path
    state: Path

    def pids(self, function: str, *, tenant: str = "acme") -> list[int]:
        """Workers of a function that are ready."""
        return [
            one["pid"]
            for one in self.agent.instances()
            if (one["tenant"], one["function"], one["state"]) == (tenant, function, "ready")
        ]

    def get(self, path: str, *, key: str = ACME, **params: Any) -> httpx.Response:
        """Ask the gateway."""
        headers = {"authorization": f"Bearer {key}"}
        return httpx.get(self.url + path, params=params, headers=headers, timeout=30)

    def until_connected(self, *, key: str = ACME) -> None:
        """Wait for the tenant's intake."""

        def connected() -> bool:
            answer = self.get("/v1/mqtt_intake/status", key=key)
            return answer.status_code == 200 and answer.json()["connected"] is True

        until(connected, "the intake is connected")

    def set_up(self, tenant: str) -> None:
        """Give a tenant a broker, as an operator does."""
        folder = self.secrets / "mqtt_intake" / tenant
        folder.mkdir(parents=True)
        files = {
            "broker_url": self.broker.url,
            "username": f"intake.{tenant}",
            "password": PASSWORD,
            "ca": self.broker.ca,
        }
        for name, text in files.items():
            if text is not None:
                (folder / name).write_text(text)


@pytest.fixture(scope="module", params=["clear"])
def zone(request: pytest.FixtureRequest, valkey_server: str) -> Iterator[Zone]:
    """The zone, with acme's intake connected; `tls` as parameter puts TLS before the broker."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    for needed in ("mosquitto", "mosquitto_passwd", "openssl"):
        if shutil.which(needed, path=path) is None:
            pytest.skip(f"needs {needed} (Debian: apt install mosquitto openssl)")
    with redis.Redis.from_url(valkey_server, socket_timeout=10) as admin:
        admin.flushall()
    with short_folder() as folder, contextlib.ExitStack() as stack:
        port = free_port()
        broker = stack.enter_context(
            running_broker(folder / "broker", port=free_port(), tls=request.param == "tls")
        )
        environment = edge_environment(folder, ROOT / "functions", valkey_server) | {
            "GRIDFAAS_GATEWAY_URL": f"http://127.0.0.1:{port}",
            "GRIDFAAS_SERVICE_SETTINGS": SETTINGS,
        }
        state = Path(environment["GRIDFAAS_STATE_DIR"])
        keys = [
            _key(ACME, "tenant-service", tenant="acme"),
            _key(BASRA, "tenant-service", tenant="basra"),
            _key(ZONE, "zone", zone="zone-3a"),
        ]
        save_snapshot(state / "snapshot.json", msgspec.structs.replace(SNAPSHOT, keys=keys))
        agent = stack.enter_context(running_agent(environment))
        stack.enter_context(running_gateway(environment, port=port))
        zone = Zone(
            agent=agent,
            url=f"http://127.0.0.1:{port}",
            broker=broker,
            secrets=Path(environment["GRIDFAAS_SECRETS_DIR"]),
            state=state,
        )
        until(lambda: _registered(zone), "the registry's page is taken")
        assert "not set up" in zone.get("/v1/mqtt_intake/status").json()["detail"]
        zone.set_up("acme")
        zone.until_connected()
        yield zone


def _key(text: str, role: str, *, tenant: str | None = None, zone: str | None = None) -> KeyEntry:
    scopes = ["mdms:read", "mdms:write"]
    return KeyEntry(
        key_id=text, hash=hash_key(text), tenant=tenant, role=role, scopes=scopes, zone=zone
    )


def _registered(zone: Zone) -> bool:
    forms = [
        {"meter_id": meter, "registers": [REGISTER], "interval_s": 900, "dials": 8, "multiplier": 1}
        for meter in METERS
    ]
    page = {"after": 0, "version": 1, "complete": True, "meters": forms}
    answers = [
        httpx.post(
            f"{zone.url}/v1/mdms/downlink",
            json=page,
            headers={"authorization": f"Bearer {ZONE}", "gridfaas-tenant": tenant},
            timeout=30,
        ).status_code
        for tenant in ("acme", "basra")
    ]
    return answers == [200, 200]
