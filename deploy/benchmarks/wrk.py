"""wrk as the client of a measurement: requests a second and how long they took."""

import re
import subprocess
from pathlib import Path

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.sender import Figures, read_wrk

MARGIN_S = 30.0
_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


def measure_with_wrk(
    wrk: str, *, url: str, script: Path, seconds: float, in_flight: int
) -> Figures:
    """Send for `seconds` over `in_flight` connections; times in microseconds.

    Raises:
        MeasurementFailed: wrk failed, or some requests did.
    """
    whole = max(1, round(seconds))
    command = [wrk, "-t1", f"-c{in_flight}", f"-d{whole}s", "--latency", "-s", str(script), url]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=whole + MARGIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementFailed(f"wrk was not done after {whole + MARGIN_S:g} s") from error
    figures = read_wrk(done.stdout + done.stderr)
    return {
        **figures,
        "requests_per_second": round(figures["requests"] / figures["seconds"]),
        "p50_us": read_latency(done.stdout, 50),
        "p99_us": read_latency(done.stdout, 99),
    }


def read_latency(output: str, percent: int) -> float:
    """Return a line of wrk's latency distribution, in microseconds.

    Raises:
        MeasurementFailed: there is no such line.
    """
    found = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
    if found is None:
        raise MeasurementFailed(f"wrk gives no {percent} %: {output.strip()}")
    return round(float(found[1]) * _UNITS_US[found[2]], 1)


def post_script(*, body: str, key: str) -> str:
    """Return a wrk script that posts `body` as JSON with a bearer key."""
    return (
        'wrk.method = "POST"\n'
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {key}"\n'
        f"wrk.body = [[{body}]]\n"
    )
