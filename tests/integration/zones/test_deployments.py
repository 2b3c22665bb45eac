"""From a folder to answers in two zones: real PostgreSQL, Valkey, gateways, agents and workers."""

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.zones.agent_process import until
from tests.integration.zones.conftest import free_port
from tests.integration.zones.deployed_zones import Way, Zones, files, make_zones


@pytest.fixture
def zones(
    zone_folder: Path,
    functions_folder: Path,
    database_url: str,
    redis_url: str,
    second_valkey: str,
) -> Zones:
    return make_zones(
        folder=zone_folder,
        functions=functions_folder,
        database_url=database_url,
        stores=(second_valkey, redis_url),
        ports=[free_port(), free_port()],
    )


@pytest.fixture
def ways(zones: Zones) -> Iterator[tuple[Way, Way]]:
    """Both zones, running."""
    with zones.running(1), zones.running(2):
        yield zones.way(1), zones.way(2)


def test_a_function_is_deployed_called_switched_rolled_back_and_removed(
    ways: tuple[Way, Way],
) -> None:
    hq, fog = ways
    made = hq.deploy(files("late", "one"))
    assert made.status_code == 201
    assert (made.json()["version"], made.json()["tenant"]) == (1, "acme")
    for way, zone in ((hq, "zone-1"), (fog, "zone-2")):
        assert way.until_ready("late", 1)["instances"] == []
        answer = way.call("POST", "/function/late/x", json={})
        assert (answer.status_code, answer.json()) == (
            200,
            {"answer": "one", "tenant": "acme", "zone": zone},
        )

    again = hq.deploy(files("late", "one"))
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert hq.deploy(files("late", "two")).json()["version"] == 2
    fog.until_ready("late", 2)
    until(lambda: _answer(fog, "late") == "two", "the second version answers")

    back = hq.call("POST", "/v1/platform/functions/late/rollback")
    assert (back.status_code, back.json()["version"]) == (200, 1)
    fog.until_ready("late", 1)
    until(lambda: _answer(fog, "late") == "one", "the first version answers again")
    until(lambda: fog.in_zone("late")["ended"].get("replaced"), "replaced workers are counted")

    shown = hq.call("GET", "/v1/platform/functions/late").json()
    assert [one["version"] for one in shown["versions"]] == [1, 2]
    listed = fog.call("GET", "/v1/platform/functions").json()["functions"]
    assert [(one["tenant"], one["version"]) for one in listed if one["name"] == "late"] == [
        ("acme", 1)
    ]

    assert hq.call("DELETE", "/v1/platform/functions/late").status_code == 204
    until(lambda: fog.call("POST", "/function/late").status_code == 404, "it is gone below")


def test_what_cannot_be_deployed_is_refused_with_its_place(ways: tuple[Way, Way]) -> None:
    hq, fog = ways

    wrong = hq.deploy(files("late", "x", spec="memory_mb: much\n")).json()
    assert wrong["type"] == "urn:gridfaas:problem:malformed-function"
    assert (wrong["file"], wrong["line"], wrong["field"]) == ("function.yaml", 2, "memory_mb")

    taken = hq.deploy(files("raw", "x"))
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:gridfaas:problem:name-taken")
    assert hq.call("POST", "/v1/platform/functions", content=b"x").status_code == 415
    below = fog.deploy(files("late", "x"))
    assert (below.status_code, below.json()["type"]) == (
        404,
        "urn:gridfaas:problem:not-in-this-zone",
    )


def test_no_request_fails_while_versions_switch(ways: tuple[Way, Way]) -> None:
    hq, fog = ways
    hq.deploy(files("late", "1"))
    fog.until_ready("late", 1)
    seen: list[tuple[int, str]] = []
    done = threading.Event()

    def call_on() -> None:
        while not done.is_set():
            answer = fog.call("POST", "/function/late", json={})
            seen.append((answer.status_code, answer.text))

    callers = [threading.Thread(target=call_on) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        for version in (2, 3):
            hq.deploy(files("late", str(version)))
            fog.until_ready("late", version)
            until(lambda v=version: f'"{v}"' in seen[-1][1], f"version {version} answers")
        hq.call("POST", "/v1/platform/functions/late/rollback", json={"version": 1})
        until(lambda: '"1"' in seen[-1][1], "version 1 answers again")
    finally:
        done.set()
        for caller in callers:
            caller.join()

    assert {status for status, _ in seen} == {200}, [one for one in seen if one[0] != 200][:3]
    assert {"1", "2", "3"} <= {text.split('"')[3] for _, text in seen}


def test_a_zone_that_is_cut_off_serves_what_it_has(zones: Zones) -> None:
    fog = zones.way(2)
    with zones.running(1), zones.running(2):
        zones.way(1).deploy(files("late", "one"))
        fog.until_ready("late", 1)
    with zones.running(2):
        until(lambda: fog.call("POST", "/function/late").status_code == 200, "it starts alone")
        assert _answer(fog, "late") == "one"
        assert fog.in_zone("late")["serving"] == 1


def test_the_old_version_serves_while_the_new_one_lacks_a_secret(ways: tuple[Way, Way]) -> None:
    hq, fog = ways
    hq.deploy(files("late", "one"))
    fog.until_ready("late", 1)
    handler = 'async def handle(event, context):\n    return context.secrets["crm_token"]\n'
    hq.deploy(files("late", "", spec="secrets: [crm_token]\n", handler_py=handler))

    found = until(
        lambda: (here := fog.in_zone("late"))["state"] == "failed" and here, "it cannot be ready"
    )
    assert "crm_token" in found["reason"]
    assert (found["version"], found["serving"], _answer(fog, "late")) == (2, 1, "one")

    for value in ("first", "second"):
        put = hq.call("PUT", "/v1/platform/secrets/crm_token", json={"value": value})
        assert put.status_code == 204
        until(
            lambda v=value: fog.call("POST", "/function/late").text == v,
            "workers know the secret's new value",
        )
    names = hq.call("GET", "/v1/platform/secrets").json()["secrets"]
    assert [one["name"] for one in names] == ["crm_token"]
    assert "second" not in hq.call("GET", "/v1/platform/secrets").text


class TestRequirements:
    @pytest.fixture
    def wheel_hash(self, tmp_path: Path, zones: Zones) -> str:
        """Give pip one wheel to find, and nothing else."""
        wheel = tmp_path / "wheels" / "gf_meterlib-1.0-py3-none-any.whl"
        wheel.parent.mkdir()
        _write_wheel(wheel)
        for folder in (wheel.parent, *wheel.parents):
            if folder.stat().st_uid == tmp_path.stat().st_uid and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        pip_conf = tmp_path / "home" / ".config" / "pip" / "pip.conf"
        pip_conf.parent.mkdir(parents=True)
        pip_conf.write_text(f"[global]\nno-index = true\nfind-links = {wheel.parent}\n")
        for settings in zones.settings:
            settings["HOME"] = str(tmp_path / "home")
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    def test_they_are_installed_before_a_version_is_ready(
        self, wheel_hash: str, ways: tuple[Way, Way]
    ) -> None:
        hq, fog = ways
        handler = "import gf_meterlib\nasync def handle(event, context):\n"
        handler += "    return gf_meterlib.ANSWER\n"
        requirements = f"gf-meterlib==1.0 --hash=sha256:{wheel_hash}\n"
        hq.deploy(files("own", "", handler_py=handler, requirements_txt=requirements))

        fog.until_ready("own", 1)

        assert fog.call("POST", "/function/own").json() == 42

        wrong = requirements.replace(wheel_hash, "0" * 64)
        hq.deploy(files("own", "", handler_py=handler, requirements_txt=wrong))
        found = until(
            lambda: (here := fog.in_zone("own"))["state"] == "failed" and here, "pip refuses"
        )
        assert "HASH" in found["reason"].upper()
        assert fog.call("POST", "/function/own").json() == 42


def _answer(way: Way, name: str) -> str:
    answer: str = way.call("POST", f"/function/{name}", json={}).json()["answer"]
    return answer


def _write_wheel(path: Path) -> None:
    info = "gf_meterlib-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("gf_meterlib.py", "ANSWER = 42\n")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: gf-meterlib\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        names = ("gf_meterlib.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
