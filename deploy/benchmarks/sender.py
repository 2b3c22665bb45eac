"""The emulator's sender beside wrk: requests a CPU second, on the same tiny server, in turns.

The server answers every request with the same 200; both senders post the same body of 100 readings,
encoded beforehand, over as many connections.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.benchmarks.failure import MeasurementFailed, PeerMissing
from deploy.benchmarks.surroundings import machine, versions

TARGET = 0.3
STEP_TIMEOUT_S = 60.0

Figures = dict[str, Any]


def find_wrk() -> str:
    """Return the path of wrk: the one that $WRK names, or the one on PATH.

    Raises:
        PeerMissing: neither exists.
    """
    path = shutil.which(os.environ.get("WRK") or "wrk")
    if path is None:
        raise PeerMissing("wrk is not installed: apt install wrk, or set WRK to its path")
    return path


def compare_senders(*, rounds: int, seconds: float, connections: int, command: str) -> Figures:
    """Measure both senders `rounds` times in alternating order; return the benchmark's object.

    Raises:
        PeerMissing: wrk is not here.
        MeasurementFailed: a step broke.
    """
    wrk = find_wrk()
    measured: list[Figures] = []
    with _tiny_server() as url, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        body, _ = _run([sys.executable, "-m", "meter_emulator.speed", "--print-body"])
        script.write_text(_wrk_script(body.strip()))
        for number in range(rounds):
            one: Figures = {}
            for name in ("sender", "wrk") if number % 2 == 0 else ("wrk", "sender"):
                if name == "wrk":
                    one[name] = _measure_wrk(wrk, script, url, seconds, connections)
                else:
                    one[name] = _measure_ours(url, seconds, connections)
            measured.append(one)
    ratio = statistics.median(
        one["sender"]["requests_per_cpu_second"] / one["wrk"]["requests_per_cpu_second"]
        for one in measured
    )
    return {
        "machine": machine(),
        "versions": {
            **versions("uvloop", "httptools", "hdrhistogram", "numpy"),
            "wrk": _wrk_version(wrk),
        },
        "command": command,
        "rounds": measured,
        "bars": {
            "sender_vs_wrk": {
                "value": round(ratio, 3),
                "target": TARGET,
                "met": ratio >= TARGET,
            }
        },
    }


@contextlib.contextmanager
def _tiny_server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "meter_emulator.tiny_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise MeasurementFailed("the server to measure against did not start")
        yield str(json.loads(line)["url"])
    finally:
        # It serves until its input ends.
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _measure_ours(url: str, seconds: float, connections: int) -> Figures:
    command = [sys.executable, "-m", "meter_emulator.speed", "--url", url]
    command += ["--seconds", str(seconds), "--connections", str(connections)]
    output, _ = _run(command)
    figures: Figures = json.loads(output)
    if figures["failures"]:
        raise MeasurementFailed(f"{figures['failures']} requests of the sender failed")
    return _with_rates(figures)


def _measure_wrk(wrk: str, script: Path, url: str, seconds: float, connections: int) -> Figures:
    whole = max(1, round(seconds))
    command = [wrk, "-t1", f"-c{connections}", f"-d{whole}s", "-s", str(script), url]
    output, cpu_seconds = _run(command)
    return _with_rates({**read_wrk(output), "cpu_seconds": round(cpu_seconds, 4)})


def read_wrk(output: str) -> Figures:
    """Return requests and seconds from wrk's report.

    Raises:
        MeasurementFailed: there are none, or some requests failed.
    """
    found = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m),", output)
    if found is None or "Socket errors" in output or "Non-2xx" in output:
        raise MeasurementFailed(f"wrk says: {output.strip()}")
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0}[found[3]]
    return {"requests": int(found[1]), "seconds": float(found[2]) * unit}


def _with_rates(figures: Figures) -> Figures:
    requests = figures["requests"]
    return {
        **figures,
        "requests_per_second": round(requests / figures["seconds"]),
        "requests_per_cpu_second": round(requests / figures["cpu_seconds"]),
    }


def _run(command: list[str]) -> tuple[str, float]:
    """Return a command's output and the CPU seconds, user and system, that it took."""
    before = os.times()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementFailed(f"{command[0]} was not done after {STEP_TIMEOUT_S} s") from error
    after = os.times()
    if done.returncode:
        raise MeasurementFailed(f"{' '.join(command)}: {done.stderr.strip()}")
    children = after.children_user + after.children_system
    return done.stdout, children - before.children_user - before.children_system


def _wrk_script(body: str) -> str:
    return (
        'wrk.method = "POST"\n'
        'wrk.headers["content-type"] = "application/json"\n'
        f"wrk.body = [[{body}]]\n"
    )


def _wrk_version(wrk: str) -> str:
    # wrk prints its version with its usage and ends with 1.
    done = subprocess.run([wrk, "-v"], capture_output=True, text=True, timeout=10, check=False)
    return (done.stdout + done.stderr).split(" [")[0].removeprefix("wrk ").strip()
