"""The gateway as a process: its start, its readiness, its end."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.zone import Answer, ZoneUnderTest, function

LOGGING = Path(__file__).parents[3] / "deploy" / "logging.json"


@pytest.fixture
def lonely(folder: Path) -> Iterator[ZoneUnderTest]:
    """A zone without an agent."""
    zone = ZoneUnderTest(folder)
    yield zone
    zone.close()


def run(zone: ZoneUnderTest, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway"],
        env={"PATH": "/usr/bin:/bin", **zone.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_taken_port_is_one_clear_line(zone: ZoneUnderTest) -> None:
    ended = run(zone)

    assert ended.returncode == 2
    assert ended.stderr == (
        f"gateway: cannot listen on 127.0.0.1:{zone.port}: Address already in use\n"
    )


def test_a_missing_setting_is_one_clear_line(lonely: ZoneUnderTest) -> None:
    ended = run(lonely, GRIDFAAS_TIER="7")

    assert ended.returncode == 2
    assert ended.stderr.startswith("gateway: settings: tier: ")
    assert ended.stderr.count("\n") == 1


def test_it_is_ready_only_when_all_it_needs_is_there(lonely: ZoneUnderTest) -> None:
    (lonely.folder / "snapshot.json").unlink()
    lonely.functions = [function("echo")]
    lonely.start_gateway()

    assert lonely.call("GET", "/healthz", key=None).status == 200
    bare = lonely.call("GET", "/readyz", key=None)
    assert (bare.status, bare.json["missing"]) == (503, ["snapshot", "catalogue", "agent"])
    assert lonely.call("GET", "/v1/echo/me").problem() == (503, "function-unavailable")

    lonely.publish(version=1)
    lonely.start_agent()
    lonely.wait_until_ready()


def test_it_works_on_while_its_agent_is_gone(lonely: ZoneUnderTest) -> None:
    _, worker = lonely.start_worker()
    lonely.functions = [function("echo")]
    lonely.instances = {"acme/echo": [worker]}
    lonely.start_agent()
    agent = lonely.processes[-1]
    lonely.start_gateway()
    lonely.wait_until_ready()
    assert lonely.call("GET", "/v1/echo/me").status == 200

    agent.send_signal(signal.SIGKILL)
    agent.wait(5)
    time.sleep(0.2)

    assert lonely.call("GET", "/readyz", key=None).status == 503
    assert lonely.call("GET", "/v1/echo/me").status == 200


def test_sigterm_lets_an_open_call_end(lonely: ZoneUnderTest) -> None:
    _, worker = lonely.start_worker()
    lonely.functions = [function("echo")]
    lonely.instances = {"acme/echo": [worker]}
    lonely.start_agent()
    gateway = lonely.start_gateway()
    lonely.wait_until_ready()
    answers: list[Answer] = []

    def call() -> None:
        answers.append(lonely.call("GET", "/v1/echo/slow?s=1"))

    caller = threading.Thread(target=call)
    caller.start()
    deadline = time.monotonic() + 10
    while lonely.call("GET", "/v1/echo/seen").json["slow_started"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    gateway.send_signal(signal.SIGTERM)
    caller.join(15)

    assert [answer.status for answer in answers] == [200]
    assert gateway.wait(15) == 0


def test_its_log_is_json(lonely: ZoneUnderTest) -> None:
    log = lonely.folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            env={**lonely.environment(), "GRIDFAAS_LOG_CONFIG": str(LOGGING)},
            stderr=file,
        )
        lonely.processes.append(process)
        deadline = time.monotonic() + 15
        while b"snapshot loaded" not in log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"snapshot loaded"} <= {line["message"] for line in lines}
