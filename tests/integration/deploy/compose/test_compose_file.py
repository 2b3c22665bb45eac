"""What docker-compose.yml promises, read from the file; and that Compose itself accepts it."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from zones.topology import DESIGNS, load_topology

ROOT = Path(__file__).parents[4]
FILE = ROOT / "docker-compose.yml"
ONCE = {"secrets", "bootstrap", "worker", "keys"}
STORES = {"postgres", "redis-zone-1", "redis-zone-2", "redis-zone-3a"}
SPAWNERS = {"spawner-zone-1", "spawner-zone-2", "spawner-zone-3a"}
SOCKETS = {"zone-1-store", "zone-1-queues", "zone-2-store", "zone-3a-store"}


@pytest.fixture(scope="module")
def file() -> dict[str, Any]:
    """The file with its anchors merged; ${...} as it stands."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def services(file: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = file["services"]
    return found


def volumes_of(service: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(volume, folder, whether it can be written to) of each."""
    entries = (re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", one) for one in service.get("volumes", ()))
    mounts = (entry.split(":") for entry in entries)
    return [(mount[0], mount[1], mount[2:] != ["ro"]) for mount in mounts]


def compose() -> list[str] | None:
    """The command of Compose v2, where it is installed."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    asked = subprocess.run(
        [docker, "compose", "version", "--short"], capture_output=True, timeout=30, check=False
    )
    return [docker, "compose"] if asked.returncode == 0 else None


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    command = compose()
    if command is None:
        pytest.skip("Docker Compose v2 is not installed")
    for env_file in (tmp_path / "empty", ROOT / ".env.example"):
        (tmp_path / "empty").touch()
        done = subprocess.run(
            [
                *(*command, "--file", str(FILE), "--env-file", str(env_file)),
                *("--profile", "*", "config", "--quiet"),
            ],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
            | ({"DOCKER_CONFIG": config} if (config := docker_config()) else {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def docker_config() -> str | None:
    """Where a user's own plugins of docker are: Compose may be one of them."""
    folder = Path.home() / ".docker"
    return str(folder) if folder.is_dir() else None


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert "cap_add" not in service, name
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert service["logging"]["options"]["max-size"], name
        assert not service.get("user", "10001").startswith("0") or name in SPAWNERS, name


def test_only_spawners_have_the_engines_socket_and_they_are_on_no_network(
    services: dict[str, Any],
) -> None:
    holders = {
        name
        for name, service in services.items()
        if any("docker.sock" in entry for entry in service.get("volumes", ()))
    }

    assert holders == SPAWNERS
    for name in SPAWNERS:
        assert services[name]["network_mode"] == "none"
        zone = name.removeprefix("spawner-")
        shared = {volume: writable for volume, _, writable in volumes_of(services[name])[1:]}
        assert shared == {
            f"{zone}-spawner": True,
            f"{zone}-channels": False,
            f"{zone}-functions": False,
            f"{zone}-store": False,
        }


def test_a_gateway_has_nothing_that_its_agent_keeps_for_itself(services: dict[str, Any]) -> None:
    for zone in ("zone-1", "zone-2", "zone-3a"):
        agents = {volume for volume, _, _ in volumes_of(services[f"agent-{zone}"])}
        gateways = {volume for volume, _, _ in volumes_of(services[f"gateway-{zone}"])}

        # Only headquarters' control plane asks its store.
        assert agents & gateways == {f"{zone}-gateway", f"{zone}-run"} | (
            {"zone-1-store"} if zone == "zone-1" else set()
        )


def test_what_goes_on_is_watched_and_restarted(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in ONCE:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] in {"unless-stopped", "on-failure"}, name
            assert service["healthcheck"]["test"], name
            # An older engine refuses it.
            assert "start_interval" not in service["healthcheck"], name


def test_only_gateways_publish_and_on_loopback(services: dict[str, Any]) -> None:
    publishing = {name for name, service in services.items() if "ports" in service}

    # Grafana, when it is asked for, is never opened further.
    assert services["grafana"]["profiles"] == ["grafana"]
    assert services["grafana"]["ports"] == ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]
    publishing.remove("grafana")
    assert publishing == {"gateway-zone-1", "gateway-zone-2", "gateway-zone-3a"}
    for name in publishing:
        (port,) = services[name]["ports"]
        assert port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:"), name


def test_networks_have_no_way_out(file: dict[str, Any]) -> None:
    for name, network in file["networks"].items():
        if name.endswith("-front"):
            assert network["driver_opts"] == {
                "com.docker.network.bridge.enable_ip_masquerade": "false"
            }
        else:
            assert network == {"internal": True}, name


@pytest.mark.parametrize(
    ("network", "members"),
    [
        ("zone-1", {"gateway-zone-1", "agent-zone-1", "prometheus"}),
        ("link-zone-2", {"link-zone-2", "agent-zone-2"}),
        ("link-zone-2-above", {"link-zone-2", "gateway-zone-1"}),
        ("link-zone-3a", {"link-zone-3a", "agent-zone-3a"}),
        ("link-zone-3a-above", {"link-zone-3a", "gateway-zone-2"}),
        ("links", {"link-zone-2", "link-zone-3a", "prometheus"}),
        ("observation", {"prometheus", "grafana"}),
        ("grafana-front", {"grafana"}),
        ("zone-2", {"gateway-zone-2", "agent-zone-2", "prometheus"}),
        ("zone-3a-front", {"gateway-zone-3a", "load"}),
    ],
)
def test_who_is_on_a_network(services: dict[str, Any], network: str, members: set[str]) -> None:
    assert {n for n, s in services.items() if network in s.get("networks", ())} == members


def test_stores_are_on_no_network(services: dict[str, Any]) -> None:
    for name in STORES:
        assert services[name]["network_mode"] == "none"


@pytest.mark.parametrize(
    ("volume", "members"),
    [
        (
            "zone-1-store",
            {"postgres", "bootstrap", "agent-zone-1", "gateway-zone-1", "spawner-zone-1"},
        ),
        ("zone-1-queues", {"redis-zone-1", "agent-zone-1"}),
        ("zone-2-store", {"redis-zone-2", "agent-zone-2", "spawner-zone-2"}),
        ("zone-3a-store", {"redis-zone-3a", "agent-zone-3a", "spawner-zone-3a"}),
    ],
)
def test_a_stores_socket_is_seen_by_its_zone_and_made_by_the_store(
    services: dict[str, Any], volume: str, members: set[str]
) -> None:
    found = {
        name: writable
        for name, service in services.items()
        if name != "secrets"
        for one, _, writable in volumes_of(service)
        if one == volume
    }

    assert set(found) == members
    assert {name for name, writable in found.items() if writable} <= STORES


def test_secrets_are_written_by_one_container_and_read_by_one_other(
    services: dict[str, Any],
) -> None:
    given = {volume for volume, _, _ in volumes_of(services["secrets"])} - SOCKETS
    readers: dict[str, set[str]] = {volume: set() for volume in given}
    for name, service in services.items():
        for volume, _, writable in volumes_of(service):
            if volume in given and name != "secrets":
                readers[volume].add(name)
                assert not writable or (volume, name) == ("keys", "bootstrap"), (volume, name)

    assert readers.pop("keys") == {"bootstrap", "keys"}
    assert all(len(names) == 1 for names in readers.values()), readers
    for volume, names in readers.items():
        assert names == {volume.removesuffix("-secrets")}


def test_the_image_has_a_folder_for_every_volume_of_ours(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "deploy/images/Dockerfile").read_text()
    made = set(re.findall(r"(?<=\s)/(?:secrets|var|run)/[\w/-]+", dockerfile))
    needed = {folder for _, folder, _ in volumes_of(services["secrets"])}
    for name in ("agent-zone-1", "gateway-zone-1", "spawner-zone-1"):
        needed |= {folder for _, folder, _ in volumes_of(services[name])}
    needed -= {"/run/secrets/gridfaas", "/var/run/docker.sock"}

    assert needed <= made


def test_zones_are_those_of_the_design(services: dict[str, Any]) -> None:
    zones = load_topology(DESIGNS / "containers.yaml").zones
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/compose.yml").read_text())
    targets = scraped["scrape_configs"][0]["static_configs"]

    for zone in zones:
        for role in ("agent", "gateway"):
            environment = services[f"{role}-{zone.name}"]["environment"]
            assert environment["GRIDFAAS_ZONE"] == zone.name
            assert environment["GRIDFAAS_TIER"] == str(zone.tier)
            parent = None if zone.parent is None else f"http://link-{zone.name}:8080"
            assert environment.get("GRIDFAAS_PARENT_URL") == parent
            assert environment["GRIDFAAS_GATEWAY_URL"] == f"http://gateway-{zone.name}:8080"
        (published,) = services[f"gateway-{zone.name}"]["ports"]
        assert f":-{zone.port}}}:8080" in published
    assert [(one["targets"], one["labels"]) for one in targets] == [
        ([f"gateway-{zone.name}:8080"], {"zone": zone.name, "tier": str(zone.tier)})
        for zone in zones
    ]


def test_the_example_explains_every_knob_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", FILE.read_text()))
    assert len(used) == len(set(re.findall(r"\$\{(\w+)", FILE.read_text())))
    example = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))

    assert explained == used


def test_a_link_stands_before_every_parent_and_is_watched(services: dict[str, Any]) -> None:
    topology = load_topology(DESIGNS / "containers.yaml")
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/compose.yml").read_text())
    targets = {
        target
        for job in scraped["scrape_configs"]
        if job["job_name"] == "link"
        for one in job["static_configs"]
        for target in one["targets"]
    }

    for link in topology.links:
        environment = services[f"link-{link.below}"]["environment"]
        assert json.loads(environment["GRIDFAAS_LINK_ROUTES"]) == [
            {
                "link": link.name,
                "listen": "0.0.0.0:8080",
                "target": f"gateway-{link.above}:8080",
            }
        ]
        # Its control API is on no network.
        assert environment["GRIDFAAS_LINK_CONTROL"].startswith("/run/")
    assert targets == {f"link-{link.below}:9100" for link in topology.links}
    assert {zone.name for zone in topology.zones if zone.parent} == {
        link.below for link in topology.links
    }


def test_a_zone_and_its_parent_share_no_network(services: dict[str, Any]) -> None:
    for zone in load_topology(DESIGNS / "containers.yaml").zones:
        if zone.parent is None:
            continue
        below, above = (
            {
                network
                for role in ("agent", "gateway")
                for network in services[f"{role}-{name}"]["networks"]
            }
            for name in (zone.name, zone.parent)
        )
        assert not below & above
