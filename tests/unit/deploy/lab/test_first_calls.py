import json
import shlex
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from deploy.lab.first_calls import SampleMeter, first_calls
from deploy.lab.home import Home
from deploy.lab.keys_file import LabKeys, keep_tenant_keys, lasting_keys
from deploy.lab.processes import Stores
from deploy.lab.running import RunningLab
from deploy.lab.topology import lab_topology

LAB = RunningLab(
    home=Home(Path("/s"), Path("/r")),
    topology=lab_topology(),
    stores=Stores(database_url="", redis_urls={}, servers={}),
    keys=LabKeys(admin="gf_admin", tenants={"acme": "gf_acme"}, zones={}),
)
METER = SampleMeter(tenant="acme", meter_id="A000001", register="1-0:1.8.0", interval_s=900)


def words() -> list[list[str]]:
    calls = first_calls(LAB, meter=METER, day=date(2026, 1, 3), today=date(2026, 11, 21))
    return [shlex.split(call) for call in calls]


def test_each_is_one_pasted_line_with_the_tenants_key() -> None:
    for call in words():
        assert call[:3] == ["curl", "-H", "Authorization: Bearer $(cat /s/keys/acme)"]


def test_the_shell_reads_the_key_that_was_kept(tmp_path: Path) -> None:
    state = tmp_path / "it's a lab"
    state.mkdir()
    keys = lasting_keys(state / "keys.json", tenants=["acme"], zones=[])
    keep_tenant_keys(state, keys)
    lab = replace(LAB, home=Home(state, tmp_path))
    call = first_calls(lab, meter=METER, day=date(2026, 1, 3), today=date(2026, 11, 21))[0]

    said = subprocess.run(
        ["/bin/sh", "-c", call.replace("curl", "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.splitlines()[1] == f"Authorization: Bearer {keys.tenants['acme']}"
    assert keys.tenants["acme"] not in call


def test_the_same_hour_is_read_at_the_edge_and_at_headquarters() -> None:
    edge, top, _ = (urlsplit(call[-1]) for call in words())

    assert (edge.port, top.port) == (8083, 8081)
    assert edge.query == top.query
    assert parse_qs(edge.query) == {
        "meter_id": ["A000001"],
        "from": ["2026-01-03T00:00:00Z"],
        "to": ["2026-01-03T01:00:00Z"],
    }


def test_a_series_of_yesterday_is_sent_to_the_edge() -> None:
    send = words()[2]

    (series,) = json.loads(send[send.index("-d") + 1])["series"]
    assert urlsplit(send[-1]).port == 8083
    assert series["start"] == "2026-11-20T00:00:00Z"
    assert (series["meter_id"], series["interval_s"]) == ("A000001", 900)
