"""A tenant's own function and settings, by the commands that its developer has."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.command import GRIDFAAS, Commands

TENANT = "basra-power"
ZONES = {"zone-1", "zone-2", "zone-3a", "zone-3b"}
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def lab() -> Iterator[Commands]:
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        commands = Commands(Path(folder))
        with commands.up("--json", "--meters", "4") as process:
            assert process.stdout is not None
            assert process.stdout.readline(), process.communicate()[1]
            yield commands


@pytest.fixture
def function(tmp_path: Path) -> Path:
    folder = tmp_path / "says"
    folder.mkdir()
    (folder / "function.yaml").write_text("name: says\n")
    (folder / "handler.py").write_text(
        "async def handle(event, context):\n"
        "    context.log.info('asked', path=event.path)\n"
        "    return {'zone': context.zone, 'secrets': dict(context.secrets)}\n"
    )
    return folder


def fn(lab: Commands, *arguments: str, given: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [GRIDFAAS, "fn", *arguments, "--tenant", TENANT],
        env=lab.environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def fn_json(lab: Commands, *arguments: str) -> Any:
    code, said, complaint = fn(lab, *arguments, "--json")
    assert code == 0, complaint
    return json.loads(said)


def test_from_a_folder_to_every_zone_and_back(lab: Commands, function: Path) -> None:
    made = fn_json(lab, "deploy", str(function))
    assert (made["version"], made["created"]) == (1, True)
    assert {zone["zone"]: zone["state"] for zone in made["zones"]} == dict.fromkeys(ZONES, "ready")
    for zone in ZONES:
        answer = fn_json(lab, "invoke", "says", "--zone", zone, "--path", "/x")
        assert (answer["status"], answer["body"]["zone"]) == (200, zone)
    logged = fn(lab, "logs", "says", "--zone", "zone-3a")[1]
    assert "asked path=/x" in logged

    (function / "function.yaml").write_text("name: says\nsecrets: [token]\n")
    code, said, _ = fn(lab, "deploy", str(function))
    assert code == 11
    assert "token" in said
    assert fn(lab, "secret", "set", "token", given="t0p\n")[0] == 0
    ready = fn_json(lab, "deploy", str(function))
    assert (ready["version"], ready["created"]) == (2, False)
    assert fn_json(lab, "invoke", "says")["body"]["secrets"] == {"token": "t0p"}
    assert "t0p" not in fn(lab, "secret", "list")[1]

    assert fn_json(lab, "rollback", "says")["version"] == 1
    shown = fn_json(lab, "describe", "says")
    assert [one["version"] for one in shown["versions"]] == [1, 2]
    assert {zone["zone"] for zone in shown["zones"]} == ZONES
    assert "says" in fn(lab, "list")[1]
    assert fn(lab, "remove", "says")[0] == 0
    assert fn(lab, "describe", "says")[0] == 8


def test_a_folder_that_cannot_be_deployed_is_refused_before_it_is_sent(
    lab: Commands, function: Path
) -> None:
    (function / "function.yaml").write_text("name: says\nmemory_mb: much\n")
    code, _, complaint = fn(lab, "deploy", str(function))
    assert code == 10
    assert f"{function}/function.yaml:2: memory_mb: " in complaint

    (function / "function.yaml").write_text("name: says\n")
    (function / "handler.py").write_text("async def handle(event, context)\n")
    code, _, complaint = fn(lab, "deploy", str(function))
    assert code == 10
    assert f"{function}/handler.py:1: " in complaint


def test_a_tenants_setting_reaches_its_zones(lab: Commands) -> None:
    changed = lab.json("tenant", "set", TENANT, "mdms.stale_after_days=1")
    assert changed["settings"] == {"mdms": {"stale_after_days": 1}}
    edge = _gateways(lab)["zone-3a"]
    key = lab.run("key", "show", TENANT).stdout.strip()

    deadline = time.monotonic() + PATIENCE_S
    while (reason := _reason_of_an_old_reading(edge, key)) != "stale":
        assert time.monotonic() < deadline, reason
        time.sleep(0.5)

    refused = lab.run("tenant", "set", TENANT, "mdms.stale_after_days=0")
    assert refused.returncode == 8
    assert "mdms.stale_after_days" in refused.stderr
    assert lab.json("tenant", "set", TENANT, "mdms.stale_after_days=")["settings"] == {}


def _gateways(lab: Commands) -> dict[str, str]:
    found = json.loads(lab.run("status", "--json", "--no-count").stdout)
    gateways: dict[str, str] = found["gateways"]
    return gateways


def _reason_of_an_old_reading(edge: str, key: str) -> str | None:
    """Send a reading of three days ago again; only its age can refuse it."""
    headers = {"authorization": f"Bearer {key}"}
    start = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 3 * 86_400))
    series = {"register": "1-0:1.8.0", "start": start, "interval_s": 900, "values": [1]}
    body = {"series": [{"meter_id": "B000001", **series}]}
    answer = httpx.post(
        f"{edge}/v1/mdms/readings", json=body, headers=headers, timeout=30, trust_env=False
    )
    reason: str | None = answer.json()["series"][0]["outcomes"][0].get("reason")
    return reason
