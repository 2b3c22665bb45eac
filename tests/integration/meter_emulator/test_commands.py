"""The commands as a user runs them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def emulator(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "meter_emulator", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_meters_prints_the_registrys_body() -> None:
    done = emulator("meters", "--tenant", "basra", "--count", "3", "--seed", "1", "--json")

    assert done.returncode == 0
    body = json.loads(done.stdout)
    assert [meter["meter_id"] for meter in body["meters"]] == ["B000001", "B000002", "B000003"]


def test_nobody_listening_is_a_json_object_and_exit_4(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("gf_x")
    done = emulator(
        *("send", "--url", "http://127.0.0.1:9", "--key-file", str(key), "--tenant", "basra"),
        *("--day", "2026-01-01", "--count", "2", "--give-up", "0.2", "--progress", "--json"),
    )

    assert done.returncode == 4
    assert json.loads(done.stdout)["planned"] == 192
    assert json.loads(done.stderr.splitlines()[0])["acknowledged"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--url", "ftp://x"), "an address such as", id="not_an_http_address"),
        pytest.param(("--url", "http://127.0.0.1:9/v1"), "no path", id="a_path_in_the_address"),
        pytest.param(("--url", "http://127.0.0.1:9", "--plan", "KEY"), "already names", id="both"),
    ],
)
def test_wrong_arguments_are_one_clear_line_and_exit_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    key = tmp_path / "key"
    key.write_text("gf_x")
    given = [str(key) if argument == "KEY" else argument for argument in arguments]
    done = emulator(
        "send", *given, "--key-file", str(key), "--tenant", "basra", "--day", "2026-01-01"
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ended_early_it_still_says_what_was_done(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("gf_x")
    command = [sys.executable, "-W", "error", "-m", "meter_emulator", "send"]
    command += ["--url", "http://127.0.0.1:9", "--key-file", str(key), "--tenant", "basra"]
    command += ["--day", "2026-01-01", "--progress", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert json.loads(process.stderr.readline())["sent"] == 0
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 4
    assert json.loads(output)["planned"] == 50 * 96
    assert "Traceback" not in errors


def test_unknown_faults_are_named(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("gf_x")
    done = emulator(
        *("send", "--url", "http://127.0.0.1:9", "--key-file", str(key), "--tenant", "basra"),
        *("--day", "2026-01-01", "--fault", "gremlin=0.1"),
    )

    assert done.returncode == 2
    assert "gremlin" in done.stderr


def test_the_papers_registry_is_a_thousand_devices() -> None:
    done = emulator("meters", "--tenant", "lab", "--preset", "paper", "--json")

    assert len(json.loads(done.stdout)["meters"]) == 1_000
