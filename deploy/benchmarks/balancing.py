"""The balancing policies beside one another, over workers of unequal speed, in turns.

Each worker takes its calls one after the other: three in 2 ms each, the fourth in 8 ms. What a
policy is worth shows in the slowest calls, and in how alike the workers are busy.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from deploy.benchmarks.child import running_module
from deploy.benchmarks.lone_gateway import LoneGateway, lone_gateway
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.sender import Figures, find_wrk
from deploy.benchmarks.surroundings import machine, versions
from deploy.benchmarks.upstream_load import calls_answered, spread_of_time
from deploy.benchmarks.wrk import measure_with_wrk, post_script
from deploy.lab.reporting import Reporter
from storage.platform.functions.spec import FunctionSpec

POLICIES: Final = ("round_robin", "least_loaded", "power_of_two", "mhbco")
SERVICE_MS: Final = (2.0, 2.0, 2.0, 8.0)
IN_FLIGHT: Final = 16
CONCURRENCY: Final = 32
WARM_UP_S: Final = 1.0


def compare_policies(*, rounds: int, seconds: float, command: str, reporter: Reporter) -> Figures:
    """Measure each policy `rounds` times, in another order each time; return the figures.

    Raises:
        PeerMissing: wrk is not here.
        MeasurementFailed: something did not start, or requests failed.
    """
    wrk = find_wrk()
    measured: list[Figures] = []
    with _zone() as (gateway, script, ports):

        def measure(policy: str, lasting_s: float) -> Figures:
            before = [calls_answered(port) for port in ports]
            figures = measure_with_wrk(
                wrk,
                url=gateway.url(policy.replace("_", "-")),
                script=script,
                seconds=lasting_s,
                in_flight=IN_FLIGHT,
            )
            calls = [calls_answered(port) - had for port, had in zip(ports, before, strict=True)]
            spread = spread_of_time(calls=calls, service_ms=SERVICE_MS)
            return {**figures, "calls": calls, "spread": round(spread, 3)}

        reporter.step("warming up")
        for policy in POLICIES:
            measure(policy, WARM_UP_S)
        for number in range(rounds):
            reporter.step(f"round {number + 1} of {rounds}")
            order = POLICIES[number % len(POLICIES) :] + POLICIES[: number % len(POLICIES)]
            one = {policy: measure(policy, seconds) for policy in order}
            measured.append({policy: one[policy] for policy in POLICIES})
    return {
        "machine": machine(),
        "versions": versions("httptools", "uvicorn", "uvloop"),
        "command": command,
        "load": {"service_ms": list(SERVICE_MS), "in_flight": IN_FLIGHT},
        "rounds": measured,
        "medians": medians(measured),
        "bars": {},
    }


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return each policy's figures, medians over the rounds."""
    return {
        policy: {
            figure: statistics.median(one[policy][figure] for one in rounds)
            for figure in ("requests_per_second", "p50_us", "p99_us", "spread")
        }
        for policy in POLICIES
    }


@contextmanager
def _zone() -> Iterator[tuple[LoneGateway, Path, list[int]]]:
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        workers, ports = [], []
        for number, service_ms in enumerate(SERVICE_MS):
            _, said = stack.enter_context(
                running_module(
                    "deploy.benchmarks.upstream", f"{folder}/w{number}.sock", str(service_ms)
                )
            )
            workers.append(
                {"id": f"w{number}", "socket": said["socket"], "concurrency": CONCURRENCY}
            )
            ports.append(int(said["port"]))
        specs = [
            msgspec.convert(
                {"name": policy.replace("_", "-"), "balancing": policy}, type=FunctionSpec
            )
            for policy in POLICIES
        ]
        gateway = stack.enter_context(
            lone_gateway(folder / "gateway", functions=specs, workers=workers)
        )
        script = folder / "post.lua"
        script.write_text(post_script(body="{}", key=gateway.key))
        yield gateway, script, ports
