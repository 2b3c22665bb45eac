from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli.fn import fn
from deploy.cli.fn_text import detail_text, function_row, zone_text
from deploy.cli.tenant import tenant


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "late"
    made.mkdir()
    (made / "function.yaml").write_text("name: late\n")
    (made / "handler.py").write_text("async def handle(event, context):\n    return 1\n")
    return made


def run(*arguments: str, home: Path) -> Result:
    return CliRunner().invoke(fn, arguments, env={"GRIDFAAS_HOME": str(home / "home")})


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param(
            "function.yaml", "name: late\npids: x\n", "function.yaml:2: pids: ", id="spec"
        ),
        pytest.param("handler.py", "def handle(\n", "handler.py:1: ", id="syntax"),
        pytest.param("app.py", "", "both handler.py and app.py", id="two_entries"),
        pytest.param("requirements.txt", "\nidna\n", "requirements.txt:2: ", id="no_hash"),
    ],
)
def test_a_folder_at_fault_is_refused_before_anybody_is_asked(
    folder: Path, file: str, content: str, said: str
) -> None:
    (folder / file).write_text(content)

    done = run("deploy", str(folder), home=folder.parent)

    assert done.exit_code == 10
    assert said in done.output
    assert str(folder) in done.output


@pytest.mark.parametrize(
    "arguments", [("deploy", "late"), ("list",), ("describe", "f"), ("remove", "f"), ("logs", "f")]
)
def test_without_a_lab_or_a_url_nothing_is_done(
    folder: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)

    assert run(*arguments, home=folder.parent).exit_code == 3


def test_a_new_function_can_be_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert run("new", "day-peak", home=tmp_path).exit_code == 0

    # It gets as far as asking for a lab.
    assert run("deploy", "day-peak", home=tmp_path).exit_code == 3
    assert run("new", "day-peak", home=tmp_path).exit_code == 2
    assert run("new", "Day Peak", home=tmp_path).exit_code == 2


@pytest.mark.parametrize("setting", ["stale_after_days=1", "mdms.=1", "mdms.stale_after_days"])
def test_a_setting_names_service_and_name(setting: str) -> None:
    done = CliRunner().invoke(tenant, ["set", "acme", setting])

    assert done.exit_code == 2
    assert "is not service.name=value" in done.output


def in_zone(**more: Any) -> dict[str, Any]:
    told = {"zone": "zone-3a", "state": "ready", "reason": "", "serving": 2, "instances": []}
    return {**told, "start_failure": "", "ended": {}, "last_end": None, **more}


def test_a_zones_state_is_a_line() -> None:
    waiting = in_zone(state="preparing", serving=0, reason="the parent does not answer")

    assert zone_text(in_zone()).split() == ["zone-3a", "ready", "v2", "serves,", "0", "workers"]
    assert zone_text(waiting).endswith("nothing serves yet, 0 workers: the parent does not answer")


def test_a_description_tells_why_workers_ended() -> None:
    last = {"reason": "memory-limit", "detail": "exit status 81", "at": "2026-11-21T23:00:00.5Z"}
    function = {
        "name": "late",
        "tenant": "acme",
        "version": 2,
        "digest": "0" * 64,
        "spec": {"name": "late", "memory_mb": 64},
        "versions": [
            {
                "version": n,
                "digest": "0" * 64,
                "created_at": "2026-11-21T23:00:00Z",
                "created_by": "k",
            }
            for n in (1, 2)
        ],
        "zones": [in_zone(ended={"idle": 1, "memory-limit": 3}, last_end=last)],
    }

    text = detail_text(function)

    assert "late of acme, version 2" in text
    assert " *   2 " in text
    assert "workers ended: idle 1, memory-limit 3" in text
    assert "the last one: memory-limit (exit status 81) at 2026-11-21T23:00:00Z" in text


def test_a_row_says_where_a_function_is_called() -> None:
    function = {"name": "late", "version": 3, "tiers": [1, 3], "route_prefix": None, "tenant": "a"}

    assert function_row(function).split() == ["late", "v3", "tiers", "1,3", "/function/late", "a"]
