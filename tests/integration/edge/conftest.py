"""An edge zone of real processes: Valkey, agent, gateway, mdms; its parent is out of reach."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
import redis

from storage.platform.keys import hash_key
from storage.platform.snapshot import KeyEntry, save_snapshot
from tests.integration.edge.edge import ACME, METERS, REGISTER, ZONE, Edge
from tests.integration.zones.agent_process import ROOT, running_agent, until
from tests.integration.zones.conftest import SNAPSHOT, edge_environment, free_port, short_folder
from tests.integration.zones.gateway_process import running_gateway

FORMS = [
    {"meter_id": meter, "registers": [REGISTER], "interval_s": 900, "dials": 8, "multiplier": 1}
    for meter in METERS
]


def _key(text: str, role: str, *, tenant: str | None, zone: str | None = None) -> KeyEntry:
    scopes = ["mdms:read", "mdms:write"]
    return KeyEntry(
        key_id=text, hash=hash_key(text), tenant=tenant, role=role, scopes=scopes, zone=zone
    )


@pytest.fixture(scope="module")
def running_edge(valkey_server: str) -> Iterator[Edge]:
    # A registry that other tests left would be newer than the one that is handed over here.
    with redis.Redis.from_url(valkey_server, socket_timeout=10) as admin:
        admin.flushall()
    with short_folder() as folder:
        yield from _edge(folder, valkey_server)


def _edge(folder: Path, redis_url: str) -> Iterator[Edge]:
    port = free_port()
    environment = edge_environment(folder, ROOT / "functions", redis_url)
    keys = [
        _key(ACME, "tenant-service", tenant="acme"),
        _key(ZONE, "zone", tenant=None, zone="zone-3a"),
    ]
    snapshot = msgspec.structs.replace(SNAPSHOT, keys=keys)
    save_snapshot(Path(environment["GRIDFAAS_STATE_DIR"]) / "snapshot.json", snapshot)
    with running_agent(environment) as agent, running_gateway(environment, port=port) as gateway:
        edge = Edge(agent=agent, gateway=gateway, port=port)
        until(lambda: _registered(edge.url), "the registry's page is taken")
        edge.note_processes()
        yield edge


def _registered(url: str) -> bool:
    """Hand the registry over, as the parent would."""
    page = {"after": 0, "version": 1, "complete": True, "meters": FORMS}
    answer = httpx.post(
        f"{url}/v1/mdms/downlink",
        json=page,
        headers={"authorization": f"Bearer {ZONE}", "gridfaas-tenant": "acme"},
        timeout=30,
    )
    assert answer.status_code in (200, 404, 503), answer.text
    return answer.status_code == 200


@pytest.fixture
def edge(running_edge: Edge) -> Iterator[Edge]:
    """The edge; whatever a test sent, both processes are the same ones afterwards and serve."""
    yield running_edge
    assert running_edge.gateway.poll() is None
    assert running_edge.worker() == running_edge.first_worker
    assert running_edge.accepts_a_good_reading()
