"""A lab as its user meets it: `up`, its summary, the calls to paste, and every other command."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from deploy.lab.home import find_home
from deploy.servers.postgres import query
from tests.e2e.command import Commands

METERS = 20
SCHEMAS = ("t_basra_power", "t_tigris_energy")
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up, and what it said when it was."""

    commands: Commands
    process: subprocess.Popen[str]
    said: dict[str, Any]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        commands = Commands(Path(folder))
        with commands.up("--json", "--meters", str(METERS), "--pv-share", "0.5") as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said, process.communicate()[1]
            yield Lab(commands, process, json.loads(said))
            commands.run("down")


def paste(line: str) -> Any:
    done = subprocess.run(
        ["bash", "-c", f"{line} -sS"], capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(done.stdout)


def until(what: str, holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.2)


def tenant_keys(lab: Lab) -> dict[str, str]:
    """The keys that `up` keeps in its file."""
    keys: dict[str, str] = json.loads(Path(lab.said["keys_file"]).read_text())["tenants"]
    return keys


def audit_url(lab: Lab) -> str:
    """The database as who counts finds it, with the password."""
    url: str = json.loads(Path(lab.said["status_file"]).read_text())["database_url"]
    return url


def settled_checksums(lab: Lab) -> dict[str, str]:
    """A checksum of every store's readings, once headquarters has folded its tail into blocks."""
    url = audit_url(lab)
    for schema in SCHEMAS:
        tail = f"SELECT count(*) AS n FROM {schema}.tail"
        until("the tail is folded", lambda tail=tail: query(url, tail)[0]["n"] == 0)
    columns = "meter_id, register, day, interval_s, body"
    sums = {
        schema: hashlib.sha256(
            b"".join(
                repr(tuple(row)).encode()
                for row in query(url, f"SELECT {columns} FROM {schema}.blocks ORDER BY {columns}")
            )
        ).hexdigest()
        for schema in SCHEMAS
    }
    status = json.loads((lab.commands.home / "status.json").read_text())
    for zone, redis_url in status["redis_urls"].items():
        with redis.Redis.from_url(redis_url) as client:
            names = sorted(client.scan_iter("*:s:*", count=1000))
            blocks = b"".join(name + client.get(name) for name in names)
        sums[zone] = hashlib.sha256(blocks).hexdigest()
    return sums


def test_the_summary_adds_up(lab: Lab) -> None:
    said = lab.said
    zones = said["hot_zones"]

    assert said["sent"] == said["acknowledged"] > METERS * 96
    assert said["cold_found"] == said["cold_distinct"] == said["hot_found"] == said["sent"]
    assert zones["zone-2"] == zones["zone-3a"] + zones["zone-3b"] == said["sent"]
    assert min(zones.values()) > 0
    assert said["refused"] == said["unanswered"] == 0
    assert set(said["delay_ms"]) == {"p50", "p95", "p99", "max"}
    assert set(tenant_keys(lab)) == {"basra-power", "tigris-energy"}
    assert not any(key in json.dumps(said) for key in tenant_keys(lab).values())
    assert "//gridfaas_audit@" in said["database_url"]
    password = urlsplit(audit_url(lab)).password
    assert password
    assert password not in json.dumps(said)
    assert password not in lab.commands.run("status", "--json").stdout


def without_origin(stretch: dict[str, Any]) -> dict[str, Any]:
    """A stretch of an answer but for where it came from."""
    return {name: value for name, value in stretch.items() if name not in ("source", "zone")}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_calls_to_paste_work(lab: Lab) -> None:
    edge, top, send = lab.said["curl"]
    at_edge, at_top = paste(edge), paste(top)

    assert (at_edge["source"], at_top["source"]) == ("hot", "cold")
    assert len(at_edge["series"][0]["values"]) == 4
    assert [without_origin(one) for one in at_edge["series"]] == [
        without_origin(one) for one in at_top["series"]
    ]
    assert paste(send)["accepted"] == 2
    assert paste(send)["duplicate"] == 2


def test_a_second_run_of_a_day_changes_no_store(lab: Lab) -> None:
    again = ("load", "--day", "2026-05-01", "--seed", "5", "--meters", str(METERS))
    first = lab.commands.json(*again)
    before = settled_checksums(lab)
    second = lab.commands.json(*again)

    assert first["outcomes"] == {"accepted": first["sent"], "duplicate": 0, "corrected": 0}
    assert second["outcomes"] == {"accepted": 0, "duplicate": first["sent"], "corrected": 0}
    assert second["acknowledged"] == second["cold_found"] == second["cold_before"] == first["sent"]
    assert settled_checksums(lab) == before
    for schema in SCHEMAS:
        (row,) = query(audit_url(lab), f"SELECT count(*) AS n FROM {schema}.revisions")
        assert row["n"] == 0


def test_split_and_disordered_the_same_day_is_the_same_day(lab: Lab) -> None:
    day = ("load", "--day", "2026-05-02", "--seed", "5", "--meters", str(METERS))
    first = lab.commands.json(*day)
    before = settled_checksums(lab)
    faults = [f"--fault={name}=0.2" for name in ("late", "out-of-order", "duplicate")]
    second = lab.commands.json(*day, *faults, "--shape", "live")
    third = lab.commands.json(*day, "--shape", "backfill")

    for again in (second, third):
        assert again["outcomes"]["accepted"] == again["outcomes"]["corrected"] == 0
        assert again["cold_found"] == again["cold_distinct"] == first["sent"]
    assert settled_checksums(lab) == before


def test_faults_are_refused_by_reason_and_the_rest_is_stored(lab: Lab) -> None:
    faults = [f"--fault={name}=0.05" for name in ("negative", "gap", "clock-drift", "spike")]
    figures = lab.commands.json("load", "--meters", str(METERS), *faults)

    assert figures["refused_reasons"] == {"negative-consumption": figures["refused"]}
    assert 0 < figures["refused"] <= figures["faults"]["negative"]
    assert figures["acknowledged"] + figures["refused"] == figures["sent"] == figures["planned"]
    assert figures["cold_distinct"] - figures["cold_before"] == figures["acknowledged"]
    assert figures["exactly_once"]


def test_the_papers_load_runs(lab: Lab) -> None:
    figures = lab.commands.json("load", "--preset", "paper", "--days", "2")

    assert figures["sent"] == figures["acknowledged"] == figures["cold_distinct"] == 4_000


def test_status_tells_what_runs_waits_and_is_stored(lab: Lab) -> None:
    found = lab.commands.json("status")

    assert found["ready"]
    assert "password" not in json.dumps(found)
    assert {link["zone"]: link["up"] for link in found["links"]} == {
        "zone-2": True,
        "zone-3a": True,
        "zone-3b": True,
    }
    hot = found["readings"]["hot"]
    assert found["readings"]["cold"] >= lab.said["sent"]
    assert hot["zone-2"] == hot["zone-3a"] + hot["zone-3b"]
    assert {"postgres", "agent-zone-1", "gateway-zone-3b"} <= {
        process["name"] for process in found["processes"]
    }


def test_tenants_and_keys_are_administered(lab: Lab) -> None:
    made = lab.commands.json("tenant", "create", "anbar-power", "--name", "Anbar Power")
    listed = lab.commands.json("tenant", "list")["tenants"]
    key = lab.commands.json("key", "create", "--tenant", "anbar-power")
    url = f"{lab.said['gateways']['zone-3b']}/v1/mdms/meters"

    def status() -> int:
        headers = {"authorization": f"Bearer {key['key']}"}
        return httpx.get(url, headers=headers, timeout=30, trust_env=False).status_code

    assert made["slug"] in {tenant["slug"] for tenant in listed}
    until("the key is known at the edge", lambda: status() == 200)
    assert key["key_id"] in {one["key_id"] for one in lab.commands.json("key", "list")["keys"]}
    lab.commands.json("key", "revoke", key["key_id"])
    until("the key is refused at the edge", lambda: status() == 401)
    refused = lab.commands.run("tenant", "create", "anbar-power")
    assert (refused.returncode, "tenant-exists" in refused.stderr) == (8, True)
    shown = lab.commands.run("key", "show", "basra-power").stdout.strip()
    assert shown == tenant_keys(lab)["basra-power"]


def test_usage_is_shown_priced_and_proven(lab: Lab) -> None:
    def found() -> Any:
        return lab.commands.json("usage", "basra-power", "--verify")

    until("the day's calls are in the ledger", lambda: found()["records"]["link"] > 0)
    usage = found()

    edge = {one["zone"]: one for one in usage["functions"] if one["function"] == "mdms"}
    assert edge["zone-3a"]["invocations"] > 0
    assert usage["proof"] == {
        "proven": True,
        "records": usage["records"]["total"],
        "differences": [],
    }
    assert {line["unit"] for line in usage["invoice"]["lines"]} >= {"invocations", "gb_seconds"}
    shown = lab.commands.run("usage", "basra-power", "--verify").stdout
    assert "proven: " in shown
    assert "invocations" in shown
    table = lab.commands.run("usage", "basra-power", "--csv").stdout
    assert table.startswith("tenant,month,part,")
    early = lab.commands.run("usage", "basra-power", "--close")
    assert (early.returncode, "month-not-over" in early.stderr) == (8, True)
    assert lab.commands.run("usage", "basra-power", "--month", "soon").returncode == 2


def test_down_ends_it_and_leaves_no_socket(lab: Lab) -> None:
    run = find_home(environ=lab.commands.environ).run
    assert run.exists()

    assert lab.commands.run("down").returncode == 0
    assert lab.process.wait(30) == 0
    assert not run.exists()
