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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compose_stack import Stack, docker, running_stack
from tests.e2e.compose_tenant import tenants
from tests.e2e.seed import SEED

IDLE_MIB = 1_536.0
DRAIN_S = 300.0
LOAD_S = 900.0
# Runs for a moment after the gateway was told to stop, and is answered all the same.
SLOW = """
import asyncio

async def handle(event, context):
    await asyncio.sleep(4)
    return {"done": True}
"""

Tell = Callable[[str], None]

pytestmark = pytest.mark.timeout(2_400)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, float]]:
    with running_stack(tmp_path_factory.mktemp("compose"), "e2e") as (stack, up_s):
        yield stack, up_s


@pytest.fixture
def stack(running: tuple[Stack, float]) -> Stack:
    """The stack, built and up."""
    return running[0]


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


def paths(state: str, stack: Stack) -> None:
    """Have every path of the edge's link work, or none."""
    for path in ("fibre-200km", "microwave-200km"):
        order = ("python", "-m", "zones.links.orders", "zone-3a-to-zone-2", path, state)
        stack.done("exec", "-T", "link-zone-3a", *order)


def pretty(memory: dict[str, float]) -> str:
    """The sum of the containers' memory, and the most greedy."""
    greedy = sorted(memory.items(), key=lambda one: -one[1])[:4]
    shown = ", ".join(f"{name} {mib:.0f}" for name, mib in greedy)
    return f"{sum(memory.values()):.0f} MiB in {len(memory)} containers ({shown})"


def knobs(meters: int, rate: int) -> dict[str, str]:
    return {
        "LOAD_METERS": str(meters),
        "LOAD_RATE": str(rate),
        "LOAD_DAYS": "1",
        "LOAD_DAY_TIMEOUT_S": "600",
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


def test_the_idle_stack_is_small(running: tuple[Stack, float], tell: Tell) -> None:
    stack, up_s = running
    assert len(tenants(stack)) == 2
    memory = stack.memory_mib()

    tell(f"up and healthy in {up_s:.0f} s; {pretty(memory)} idle with two tenants")
    assert set(memory) >= {"postgres", "agent-zone-1", "gateway-zone-3a", "spawner-zone-2"}
    assert sum(memory.values()) < IDLE_MIB


def test_every_acknowledged_reading_is_in_cold_exactly_once(stack: Stack, tell: Tell) -> None:
    load = stack.start("run", "--rm", "-T", "load", **knobs(1_000, 0))
    most: dict[str, float] = {}
    try:
        while load.poll() is None:
            seen = stack.memory_mib()
            most = max(most, seen, key=lambda one: sum(one.values()))
        printed, _ = load.communicate(timeout=LOAD_S)
    finally:
        load.kill()
        load.wait(60)
    assert load.returncode == 0, printed
    figures = sent(printed)

    wait_until_cold(stack, figures)
    tell(
        f"{figures['acknowledged']:,} readings of 1,000 meters at "
        f"{figures['readings_per_second']:,}/s, delay {figures['delay_ms']} ms; "
        f"{pretty(most)} loaded"
    )


def test_an_edge_cut_off_goes_on_and_delivers_afterwards(stack: Stack) -> None:
    send(stack, meters=20)
    paths("failed", stack)
    try:
        figures = send(stack, meters=20)
        time.sleep(3)
        assert stack.count_cold(figures["day"])["distinct"] == 0
    finally:
        paths("working", stack)

    wait_until_cold(stack, figures)


def test_containers_killed_under_load_lose_and_double_nothing(stack: Stack, tell: Tell) -> None:
    draw = random.Random(SEED)
    services = ["gateway-zone-3a", "agent-zone-3a", "redis-zone-3a", "agent-zone-2", "postgres"]
    services.append(
        draw.choice(["gateway-zone-1", "gateway-zone-2", "redis-zone-2", "link-zone-2"])
    )
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


def test_a_gateway_told_to_stop_answers_what_it_has_begun(stack: Stack) -> None:
    tenant, _ = tenants(stack)
    tenant.deploy("slow", handler=SLOW)
    assert tenant.call("zone-3a", "slow") == {"done": True}

    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(tenant.ask, "zone-3a", "POST", "/function/slow", content=b"1")
        time.sleep(1)
        assert not call.done()
        stack.done("stop", "gateway-zone-3a")
        answer = call.result(timeout=60)

    assert (answer.status_code, answer.json()) == (200, {"done": True})
    assert stack.inspect("gateway-zone-3a")["State"]["ExitCode"] == 0
    stack.up()


def test_data_and_keys_survive_down_and_up(stack: Stack, tell: Tell) -> None:
    tenant, _ = tenants(stack)
    tenant.deploy("slow", handler=SLOW)
    tenant.call("zone-2", "slow")
    assert tenant.containers("zone-2")
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
    assert not docker("ps", "--all", "--quiet", f"--filter=name={stack.project}")
    up_s = stack.up()

    tell(f"stopped in {stopped_s:.0f} s, up again with its data in {up_s:.0f} s")
    # Ended as asked, not killed at the end of their grace, and took functions' containers along.
    assert set(codes.values()) == {0}, codes
    assert tenant.containers("zone-2") == []
    assert stack.count_cold(figures["day"])["distinct"] == figures["acknowledged"]
    assert stack.done("run", "--rm", "-T", "keys") == keys
    # The function is still deployed, and starts again.
    assert tenant.call("zone-2", "slow") == {"done": True}
    following = send(stack, meters=20)
    assert following["day"] > figures["day"]
    assert following["outcomes"] == {"accepted": following["planned"]}
    wait_until_cold(stack, following)
