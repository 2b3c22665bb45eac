"""Our side: one step sent to the zone's gateway by the emulator's sender, and what it cost."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from deploy.benchmarks.cpu_seconds import cpu_seconds, used_since
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.step import Step
from deploy.benchmarks.target import Target
from deploy.servers.leashed import leash_command

STEP_TIMEOUT_S: Final = 120.0
LOOK_S: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """How the readings travel: `form` is series or list."""

    form: str
    per_body: int
    connections: int


def send_step(target: Target, step: Step, bodies: Bodies) -> dict[str, Any]:
    """Send the readings of `step` through the gateway; return the figures.

    The clock runs from the first request to the last answer, and on to the moment when all has
    arrived where that is later; bodies are encoded before.

    Raises:
        MeasurementFailed: a request failed, or a reading was not answered as accepted.
    """
    command = [sys.executable, "-m", "meter_emulator.measured_load", "--url", target.url]
    options = {
        "--key-file": target.key_file,
        "--form": bodies.form,
        "--shape": step.shape,
        "--meters": step.meters,
        "--first-s": step.first_s,
        "--skip": step.skip,
        "--readings": step.readings,
        "--per-body": bodies.per_body,
        "--connections": bodies.connections,
    }
    command += [str(part) for option in options.items() for part in option]
    process = subprocess.Popen(
        leash_command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise MeasurementFailed("the emulator did not encode its bodies")
        groups = target.processes()
        before = cpu_seconds(groups)
        began = time.perf_counter()
        output, _ = process.communicate("go\n", timeout=STEP_TIMEOUT_S)
        late_s = _wait_until_arrived(target, began)
        cpu = used_since(before, groups)
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"the emulator was not done after {STEP_TIMEOUT_S} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise MeasurementFailed(f"the emulator ended with status {process.returncode}")
    figures: dict[str, Any] = json.loads(output)
    if figures["failures"] or figures["acknowledged"] != step.readings:
        raise MeasurementFailed(f"not every reading was accepted: {figures}")
    return {
        "readings": figures["acknowledged"],
        "requests": figures["requests"],
        "seconds": max(figures["seconds"], late_s),
        "cpu_seconds": {"client": figures["cpu_seconds"], **cpu},
        "delay_ms": figures["delay_ms"],
    }


def _wait_until_arrived(target: Target, began: float) -> float:
    """Seconds from `began` until all has arrived; 0 where it had when the last answer came."""
    if target.arrived():
        return 0.0
    while not target.arrived():
        if time.perf_counter() - began > STEP_TIMEOUT_S:
            raise MeasurementFailed(f"not all had arrived after {STEP_TIMEOUT_S} s")
        time.sleep(LOOK_S)
    return round(time.perf_counter() - began, 4)
