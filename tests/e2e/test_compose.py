"""The containers on a real engine: loaded, cut off, killed, taken down and brought up again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compose_stack import BUILD_S, Stack, require_engine
from tests.e2e.free_ports import free_ports
from tests.e2e.seed import SEED

IDLE_MIB = 1_536.0
DRAIN_S = 180.0
LOAD_S = 600.0
REACH = """
import socket, sys
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(address)
    except OSError:
        pass
"""

Tell = Callable[[str], None]

pytestmark = pytest.mark.timeout(1_500)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, built and up; gone with its volumes afterwards."""
    require_engine()
    folder: Path = tmp_path_factory.mktemp("compose")
    (folder / "empty.env").touch()
    first = free_ports(3)
    ports = {f"ZONE_{zone}_PORT": str(first + n) for n, zone in enumerate(("1", "2", "3A"))}
    environment = ports | {"GRIDFAAS_IMAGE": "gridfaas:e2e"}
    stack = Stack(f"gridfaas-e2e-{os.getpid()}", environment, folder / "empty.env")
    try:
        stack.done("build", timeout_s=BUILD_S)
        stack.up()
        yield stack
    finally:
        stack.compose(
            *("--profile", "load", "--profile", "tools", "down", "--volumes", "--timeout", "20"),
            timeout_s=300,
        )


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Tell:
    """Write a figure where it is seen also when the test passes."""

    def write(text: str) -> None:
        with capfd.disabled():
            sys.stdout.write(f"\n  containers: {text}\n")

    return write


def send(stack: Stack, *, meters: int, rate: int = 0) -> dict[str, Any]:
    """Send the next day and return the figures; every reading must be acknowledged."""
    printed = stack.done("run", "--rm", "-T", "load", timeout_s=LOAD_S, **knobs(meters, rate))
    return sent(printed)


def knobs(meters: int, rate: int) -> dict[str, str]:
    return {
        "LOAD_METERS": str(meters),
        "LOAD_RATE": str(rate),
        "LOAD_DAYS": "1",
        "LOAD_DAY_TIMEOUT_S": "300",
    }


def sent(printed: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(printed.splitlines()[-1])
    assert figures["acknowledged"] == figures["planned"] > 0, figures
    return figures


def wait_until_cold(stack: Stack, figures: dict[str, Any]) -> None:
    """Return when PostgreSQL holds each acknowledged reading of the day exactly once."""
    deadline = time.monotonic() + DRAIN_S
    while True:
        count = stack.count_cold(figures["day"])
        if count["distinct"] >= figures["acknowledged"]:
            break
        assert time.monotonic() < deadline, (count, figures)
        time.sleep(1)
    assert count == {"found": figures["acknowledged"], "distinct": figures["acknowledged"]}


def wait_until_sending(load: subprocess.Popen[str], name: str) -> None:
    """Return when the emulator in the load's container runs."""
    deadline = time.monotonic() + DRAIN_S
    while b"meter_emulator send" not in processes(name):
        assert load.poll() is None, "the load ended before it sent anything"
        assert time.monotonic() < deadline, "nothing is sent"
        time.sleep(0.2)
    time.sleep(2)


def processes(name: str) -> bytes:
    command = ["docker", "top", name, "-eo", "pid,args"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).stdout


def kill(stack: Stack, service: str) -> None:
    """End a container's processes as a crash would; `docker kill` counts as told to stop."""
    description = stack.inspect(service)
    pid = int(description["State"]["Pid"])
    try:
        owner = Path(f"/proc/{pid}/cgroup").read_text()
    except FileNotFoundError:
        pytest.skip("the engine's processes are not on this machine")
    assert description["Id"] in owner, "the process is not the container's"
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        pytest.skip("containers' processes may be killed by root only")


def test_the_idle_stack_is_small(stack: Stack, tell: Tell) -> None:
    memory = stack.memory_mib()

    tell(f"idle {sum(memory.values()):.0f} MiB in {len(memory)} containers")
    assert len(memory) == 10
    assert sum(memory.values()) < IDLE_MIB


def test_every_acknowledged_reading_is_in_cold_exactly_once(stack: Stack, tell: Tell) -> None:
    figures = send(stack, meters=1_000)

    wait_until_cold(stack, figures)
    tell(
        f"{figures['acknowledged']:,} readings of 1,000 meters at "
        f"{figures['readings_per_second']:,}/s, delay {figures['delay_ms']}, "
        f"then {sum(stack.memory_mib().values()):.0f} MiB"
    )


def test_an_edge_cut_off_goes_on_and_delivers_afterwards(stack: Stack) -> None:
    send(stack, meters=20)
    network, agent = f"{stack.project}_link-zone-3a", stack.container("agent-zone-3a")
    docker("network", "disconnect", network, agent)
    try:
        figures = send(stack, meters=20)
        time.sleep(3)
        assert stack.count_cold(figures["day"])["distinct"] == 0
    finally:
        docker("network", "connect", network, agent)

    wait_until_cold(stack, figures)


def test_containers_killed_under_load_lose_and_double_nothing(stack: Stack, tell: Tell) -> None:
    draw = random.Random(SEED)
    services = ["gateway-zone-3a", "agent-zone-3a", "redis-zone-3a", "agent-zone-2", "postgres"]
    draw.shuffle(services)
    name = f"{stack.project}-under-fire"
    load = stack.start("run", "--rm", "-T", "--name", name, "load", **knobs(100, 200))
    try:
        wait_until_sending(load, name)
        for service in services:
            kill(stack, service)
            time.sleep(draw.uniform(2, 6))
        printed, _ = load.communicate(timeout=LOAD_S)
    finally:
        load.terminate()
        load.wait(60)
    assert load.returncode == 0, printed

    figures = sent(printed)
    assert figures["retries"] > 0
    wait_until_cold(stack, figures)
    restarts = {service: stack.inspect(service)["RestartCount"] for service in services}
    assert all(restarts.values()), restarts
    tell(f"{', '.join(services)} killed under load: {figures['retries']} retries, none lost")


def test_a_compromised_container_reaches_no_store_of_others_and_nothing_outside(
    stack: Stack,
) -> None:
    addresses = {
        name: network["IPAddress"]
        for store in ("postgres", "redis-zone-1", "redis-zone-2", "redis-zone-3a")
        for name, network in [
            (store, *stack.inspect(store)["NetworkSettings"]["Networks"].values())
        ]
    }
    ports = {"postgres": 5432} | {f"redis-zone-{zone}": 6379 for zone in ("1", "2", "3a")}
    stores = {
        f"{host}:{ports[name]}": name
        for name, address in addresses.items()
        for host in (name, address)
    }
    outside = "1.1.1.1:53"
    for container, own in (
        ("gateway-zone-1", {"postgres"}),
        ("gateway-zone-2", set[str]()),
        ("gateway-zone-3a", set[str]()),
        ("agent-zone-1", {"postgres", "redis-zone-1"}),
        ("agent-zone-2", {"redis-zone-2"}),
        ("agent-zone-3a", {"redis-zone-3a"}),
    ):
        asked = ("exec", "-T", container, "python", "-c", REACH, *stores, outside)
        reached = set(stack.done(*asked).split())

        assert {stores.get(address, address) for address in reached} == own


def test_a_process_has_no_powers_and_no_place_to_write(stack: Stack) -> None:
    code = (
        "import os, pathlib\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "fields = dict(line.split(':\\t') for line in status.splitlines() if ':\\t' in line)\n"
        "print(os.getuid(), fields['CapBnd'], fields['NoNewPrivs'], os.access('/app', os.W_OK))\n"
        "print(pathlib.Path('/var/run/docker.sock').exists())\n"
    )
    for service in ("agent-zone-2", "gateway-zone-1"):
        assert stack.python(service, code).split() == [
            *("10001", "0000000000000000", "1", "False"),
            "False",
        ]


def test_prometheus_sees_every_zone_and_strangers_do_not(stack: Stack) -> None:
    query = "min by (zone) (up{job=~'gateway|agent'})"
    ask = ("promtool", "query", "instant", "http://localhost:9090", query)
    answer = stack.done("exec", "-T", "prometheus", *ask)

    zones = dict(line.split(" => ") for line in answer.splitlines())
    assert {name: value.split()[0] for name, value in zones.items()} == {
        '{zone="zone-1"}': "1",
        '{zone="zone-2"}': "1",
        '{zone="zone-3a"}': "1",
    }
    port = stack.environment["ZONE_1_PORT"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_data_and_keys_survive_down_and_up(stack: Stack, tell: Tell) -> None:
    figures = send(stack, meters=20)
    wait_until_cold(stack, figures)
    keys = stack.done("run", "--rm", "-T", "keys")
    began = time.monotonic()
    stack.done("stop", timeout_s=300)
    stopped_s = time.monotonic() - began
    codes = {
        service: stack.inspect(service)["State"]["ExitCode"]
        for service in stack.done("config", "--services").split()
    }
    stack.done("down", timeout_s=300)
    up_s = stack.up()

    tell(f"stopped in {stopped_s:.0f} s, up again with its data in {up_s:.0f} s")
    # Ended as asked, not killed at the end of their grace.
    assert set(codes.values()) == {0}, codes
    assert stack.count_cold(figures["day"])["distinct"] == figures["acknowledged"]
    assert stack.done("run", "--rm", "-T", "keys") == keys
    following = send(stack, meters=20)
    assert following["day"] > figures["day"]
    assert following["outcomes"] == {"accepted": following["planned"]}
    wait_until_cold(stack, following)


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True, timeout=60)
