"""First reply from zero: a call through gateway and agent to a function without a worker."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final

from deploy.benchmarks.cold_engine import ColdEngine, NoEngine
from deploy.benchmarks.cold_functions import DOCKER, FASTAPI, RAW, RESUMED, ColdFunction
from deploy.benchmarks.cold_zone import ColdZone, cold_zone
from deploy.benchmarks.coldstart_bars import BARS, bars, summary
from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.surroundings import machine, versions
from deploy.lab.reporting import Reporter

# Frozen containers are seen as gone a moment before the engine has frozen them.
SETTLE_S: Final = 0.5
MAX_BROKEN: Final = 3

Figures = dict[str, Any]


def measure_coldstart(*, starts: int, command: str, reporter: Reporter) -> Figures:
    """Start each function `starts` times from zero, in turns; return the benchmark's object.

    Every round calls each function once and then waits until all have scaled to zero by
    themselves. A first round, which fills caches, is not counted; one with a call that is not
    answered is told in `broken_rounds` and made up for.

    Raises:
        MeasurementFailed, ServerFailure: a server did not start, or too many calls were not
            answered.
    """
    skipped: dict[str, str] = {}
    functions = [RAW, FASTAPI]
    found = versions("uvicorn", "uvloop", "fastapi")
    with contextlib.ExitStack() as stack:
        engine: ColdEngine | None = None
        try:
            engine = ColdEngine()
            stack.callback(engine.close)
            functions += [DOCKER, RESUMED]
            found["docker"] = engine.version
        except NoEngine as reason:
            skipped = {
                name: str(reason)
                for name in ("docker_cold", "docker_resumed", BARS["docker_resumed"])
            }
        reporter.step("starting a zone of Valkey, agent and gateway")
        zone = stack.enter_context(_zone(functions, engine))
        rounds: list[dict[str, float]] = []
        broken: list[str] = []
        reporter.step("warming up")
        _round(zone, functions, engine)
        while len(rounds) < starts:
            reporter.step(f"round {len(rounds) + 1} of {starts}")
            order = functions if len(rounds) % 2 else functions[::-1]
            try:
                one = _round(zone, order, engine)
            except MeasurementFailed as error:
                broken.append(str(error))
                if len(broken) > MAX_BROKEN:
                    raise
                continue
            rounds.append({function.figure: one[function.figure] for function in functions})
    percentiles = summary(rounds)
    return {
        "machine": machine(),
        "versions": found,
        "command": command,
        "rounds": rounds,
        "first_reply": percentiles,
        "broken_rounds": broken,
        "skipped": skipped,
        "bars": bars(percentiles),
    }


def _round(
    zone: ColdZone, functions: list[ColdFunction], engine: ColdEngine | None
) -> dict[str, float]:
    try:
        return {function.figure: _first_reply_ms(zone, function, engine) for function in functions}
    finally:
        zone.await_zero(functions)
        time.sleep(SETTLE_S)


def _first_reply_ms(zone: ColdZone, function: ColdFunction, engine: ColdEngine | None) -> float:
    if engine is not None and function is DOCKER:
        engine.forget(function)
        # Its removal is to be the engine's past when it is asked for another one.
        time.sleep(SETTLE_S)
    return round(zone.first_reply_s(function) * 1000, 2)


@contextlib.contextmanager
def _zone(functions: list[ColdFunction], engine: ColdEngine | None) -> Iterator[ColdZone]:
    environment = {} if engine is None else {"GRIDFAAS_DOCKER_IMAGE": engine.image}
    with (
        scratch_folder() as folder,
        cold_zone(folder, functions=functions, environment=environment) as zone,
    ):
        yield zone
