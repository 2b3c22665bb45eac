"""The walls between containers, tried from inside on a real engine: functions, gateways, agents."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import intruder
from tests.e2e.compose_stack import Stack, docker, running_stack
from tests.e2e.compose_tenant import ZONES, Tenant, tenants

INTRUDER = Path(intruder.__file__).read_text()
SPEC = "timeout_s: 60\n"
PATIENCE_S = 60.0
# A container's own line to its agent, and the way to its zone's gateway, which asks for a key.
OWN = {"/run/gridfaas/gateway"}
STORE = {
    "zone-1": "/run/store/.s.PGSQL.5432",
    "zone-2": "/run/store/redis.sock",
    "zone-3a": "/run/store/redis.sock",
}
# Sends each order, then one that is refused for sure, and tells what was answered until then.
FORGED = """
import json, os, socket, sys
from zones.providers.docker import frames
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.settimeout(60)
line.connect("/run/spawner/spawner.sock")
good = dict(tenant="a", function="b", version=1, uid=200001, gid=200001, memory_mb=8, cpu=1.0,
            pids=4, disk_mb=1)
answers = {}

def hear():
    event = frames.event_decoder.decode(line.recv(frames.MAX_FRAME_BYTES))
    if hasattr(event, "id"):
        answers.setdefault(event.id, type(event).__name__)

for name, change in (*json.loads(sys.argv[1]).items(), ("last", {"folder": "/"})):
    os.mkdir(f"/run/channels/{name}")
    line.send(frames.encoder.encode(frames.Start(**{**good, "id": name, **change})))
while not {"honest", "last"} <= set(answers):
    hear()
line.settimeout(2)
try:
    while True:
        hear()
except TimeoutError:
    print(json.dumps(answers))
"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("walls"), "walls") as (stack, _):
        yield stack


@pytest.fixture(scope="module")
def pair(stack: Stack) -> tuple[Tenant, Tenant]:
    """Two tenants, each with the intruder as its function, answering in every zone."""
    first, second = tenants(stack)
    for tenant in (first, second):
        # Different code, so that neither may see the other's.
        tenant.deploy("intruder", handler=f"{INTRUDER}\n# {tenant.slug}\n", spec=SPEC)
    for zone in ZONES:
        for tenant in (first, second):
            tenant.call(zone, "intruder", {"addresses": []})
    return first, second


def addresses(stack: Stack) -> list[str]:
    """Where every container of the stack would be reached, by every network that it is on."""
    found = []
    for container in docker("ps", "--quiet", f"--filter=label={PROJECT}={stack.project}").split():
        (description,) = json.loads(docker("inspect", container))
        for network in description["NetworkSettings"]["Networks"].values():
            for host in (network["IPAddress"], network["Gateway"]):
                found += [f"{host}:{port}" for port in PORTS if host]
    return sorted({*found, "1.1.1.1:53", "172.17.0.1:2375"})


PROJECT = "com.docker.compose.project"
PORTS = (22, 2375, 5432, 6379, 8080, 9090)


@pytest.mark.parametrize("zone", ZONES)
def test_a_compromised_function_reaches_its_own_store_and_gateway_and_nothing_else(
    stack: Stack, pair: tuple[Tenant, Tenant], zone: str
) -> None:
    seen = {t.slug: t.call(zone, "intruder", {"addresses": addresses(stack)}) for t in pair}

    for found in seen.values():
        assert found["interfaces"] == ["lo"]
        assert found["reached"] == []
        assert found["engine"] == []
        assert set(found["connected"]) == OWN | {STORE[zone]}
        assert set(found["sockets"]) == set(found["connected"])
        assert all(text.startswith("-NOAUTH") for text in found["said"].values())
        assert found["written"] == []
        assert found["capabilities"] == "0000000000000000"
        assert (found["no_new_privileges"], found["system_calls"]) == ("1", "2")
        assert len(found["functions"]) == 1
        assert {Path(name).name for name in found["files"]} == {"function.yaml", "handler.py"}
    one, other = seen.values()
    assert one["uid"] != other["uid"]
    assert one["functions"] != other["functions"]


@pytest.mark.parametrize("zone", ZONES)
def test_the_engine_made_each_container_as_the_spawner_is_bound_to(
    stack: Stack, pair: tuple[Tenant, Tenant], zone: str
) -> None:
    keys = [tenant.key for tenant in pair]
    for tenant in pair:
        (made,) = tenant.containers(zone)

        host = made["HostConfig"]
        assert (host["NetworkMode"], host["Privileged"]) == ("none", False)
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        assert host["Memory"] == host["MemorySwap"] > 0
        assert made["Config"]["Image"] == stack.environment["WORKER_IMAGE"]
        assert not any(mount["RW"] for mount in made["Mounts"])
        targets = {mount["Destination"] for mount in made["Mounts"]}
        assert {"/run/gridfaas", "/run/store"} < targets
        assert all(
            target.startswith("/var/lib/gridfaas/functions/")
            for target in targets - {"/run/gridfaas", "/run/store"}
        )
        described = json.dumps(made)
        assert not any(key in described for key in keys)
        assert "password" not in described


@pytest.mark.parametrize("zone", ZONES)
def test_a_compromised_gateway_reaches_no_engine_no_foreign_store_and_no_agents_secrets(
    stack: Stack, pair: tuple[Tenant, Tenant], zone: str
) -> None:
    found = look_around(stack, f"gateway-{zone}", addresses(stack))

    assert found["engine"] == []
    own = {"/run/gridfaas/agent.sock"} | ({STORE[zone]} if zone == "zone-1" else set())
    workers = {path for path in found["sockets"] if path.startswith("/run/gridfaas/w/")}
    assert set(found["sockets"]) - workers == own
    assert not [address for address in found["reached"] if address.endswith((":5432", ":6379"))]
    assert not [address for address in found["reached"] if address.startswith("1.1.1.1")]
    assert not any(path.endswith(":2375") for path in found["reached"])
    assert found["functions"] == []
    names = {Path(path).name for path in found["files"]}
    secrets = {"metrics_key"} | ({"database_url"} if zone == "zone-1" else set())
    assert {name for name in names if not name.endswith((".json", ".log", ".ledger"))} >= secrets
    assert not names & {"zone_credential", "redis_url", "service_keys.json"}
    assert not [path for path in found["files"] if path.startswith("/var/lib/gridfaas/")]
    assert (found["uid"], found["capabilities"]) == (10001, "0000000000000000")
    assert set(found["written"]) <= {"/run/gridfaas"}


def test_an_agent_has_no_engine_and_its_own_zones_stores_only(
    stack: Stack, pair: tuple[Tenant, Tenant]
) -> None:
    for zone in ZONES:
        found = look_around(stack, f"agent-{zone}", addresses(stack))

        assert found["engine"] == []
        stores = {path for path in found["sockets"] if path.startswith(("/run/store", "/run/q"))}
        assert stores == {STORE[zone]} | ({"/run/queues/redis.sock"} if zone == "zone-1" else set())
        assert not [address for address in found["reached"] if address.endswith((":5432", ":6379"))]


def test_a_spawner_is_on_no_network_and_holds_no_credential(stack: Stack) -> None:
    found = look_around(stack, "spawner-zone-3a", addresses(stack))

    assert found["engine"]
    assert found["interfaces"] == ["lo"]
    assert found["reached"] == []
    assert not [path for path in found["files"] if path.startswith("/run/secrets")]
    assert found["capabilities"] == "0000000000000000"


def test_forged_orders_of_a_compromised_agent_get_nothing_but_a_functions_container(
    stack: Stack, pair: tuple[Tenant, Tenant]
) -> None:
    stack.done("stop", "agent-zone-3a", timeout_s=120)
    try:
        orders = {
            "honest": {},
            "host": {"folder": "/"},
            "etc": {"folder": "/etc"},
            "sockets": {"folder": "/run/spawner"},
            "everybody": {"folder": "/var/lib/gridfaas/functions"},
            "out": {"folder": "/var/lib/gridfaas/functions/../../../run/store"},
            "docker": {"gid": 999},
            "root": {"uid": 0},
            "wordy": {"tenant": "a b"},
        }
        asked = ("run", "--rm", "-T", "--no-deps", "agent-zone-3a", "python", "-c", FORGED)
        answers = json.loads(stack.done(*asked, json.dumps(orders)).splitlines()[-1])
    finally:
        stack.up()

    # What is out of its range is not even read.
    refused = {*orders, "last"} - {"honest", "root", "wordy"}
    expected = dict.fromkeys(refused, "Refused") | {"honest": "Started"}
    assert answers == expected, answers
    first, _ = pair
    assert first.call("zone-3a", "intruder", {"addresses": []})["interfaces"] == ["lo"]


def test_killed_containers_of_functions_and_spawners_come_back_and_nothing_is_left_over(
    stack: Stack, pair: tuple[Tenant, Tenant]
) -> None:
    first, second = pair
    (before,) = first.containers("zone-2")
    docker("kill", before["Id"])
    first.call("zone-2", "intruder", {"addresses": []})
    (after,) = until_one(first, "zone-2")
    assert after["Id"] != before["Id"]

    docker("restart", "--time", "20", stack.container("spawner-zone-2"))
    for tenant in pair:
        tenant.call("zone-2", "intruder", {"addresses": []})
    for tenant, old in ((first, after), (second, None)):
        (new,) = until_one(tenant, "zone-2")
        assert new["State"]["Running"]
        assert old is None or new["Id"] != old["Id"]


def test_no_container_of_a_function_outlives_its_agent(
    stack: Stack, pair: tuple[Tenant, Tenant]
) -> None:
    stack.done("stop", "agent-zone-2", timeout_s=120)
    assert [tenant.containers("zone-2") for tenant in pair] == [[], []]

    stack.up()
    for tenant in pair:
        tenant.call("zone-2", "intruder", {"addresses": []})


def look_around(stack: Stack, service: str, targets: list[str]) -> dict[str, Any]:
    """Do what the intruder does, in the container of a service."""
    said = stack.done("exec", "-T", service, "python", "-c", INTRUDER, *targets)
    found: dict[str, Any] = json.loads(said)
    return found


def until_one(tenant: Tenant, zone: str) -> list[dict[str, Any]]:
    """Wait until a tenant has one container in a zone: a dead one is removed a moment later."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := tenant.containers(zone)) != 1:
        assert time.monotonic() < deadline, [one["State"] for one in found]
        time.sleep(0.2)
    return found
