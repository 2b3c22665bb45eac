"""Our gateway beside nginx and a plain proxy: one upstream, the same 400-byte POST, in turns."""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from deploy.benchmarks.child import running_module
from deploy.benchmarks.cpu_seconds import cpu_seconds, used_since
from deploy.benchmarks.listening import HOST, free_port, listening
from deploy.benchmarks.lone_gateway import NO_LIMIT_PER_S, lone_gateway
from deploy.benchmarks.nginx import find_nginx, nginx_version, running_nginx
from deploy.benchmarks.scratch import scratch_folder
from deploy.benchmarks.sender import Figures, find_wrk
from deploy.benchmarks.surroundings import machine, versions
from deploy.benchmarks.wrk import measure_with_wrk, post_script
from deploy.lab.reporting import Reporter
from storage.platform.functions.spec import FunctionSpec

BODY_BYTES: Final = 400
IN_FLIGHT: Final = (1, 32)
SIDES: Final = ("direct", "nginx", "gateway", "plain_proxy")
WARM_UP_S: Final = 1.0
BARS: Final = ("gateway_vs_nginx", "gateway_p50_vs_nginx", "gateway_vs_plain_proxy")
SPEC: Final = FunctionSpec(
    name="upstream",
    concurrency=256,
    rate_per_s=NO_LIMIT_PER_S,
    max_concurrency=1_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Something between the client and the upstream, or nothing; its processes are counted."""

    url: str
    processes: tuple[psutil.Process, ...]


def compare_gateways(*, rounds: int, seconds: float, command: str, reporter: Reporter) -> Figures:
    """Measure all sides `rounds` times, in another order each time; return the benchmark's object.

    Raises:
        PeerMissing: nginx or wrk is not here.
        MeasurementFailed: something did not start, or requests failed.
    """
    wrk, nginx = find_wrk(), find_nginx()
    reporter.step("starting the upstream, nginx, the gateway and the plain proxy")
    measured: list[Figures] = []
    with _all_sides(nginx) as (sides, script):

        def measure(name: str, in_flight: int, lasting_s: float) -> Figures:
            groups = {"side": sides[name].processes}
            before = cpu_seconds(groups)
            figures = measure_with_wrk(
                wrk, url=sides[name].url, script=script, seconds=lasting_s, in_flight=in_flight
            )
            used_s = used_since(before, groups)["side"]
            return {**figures, "cpu_us_per_request": round(used_s * 1e6 / figures["requests"], 1)}

        reporter.step("warming up")
        for name in SIDES:
            measure(name, IN_FLIGHT[-1], WARM_UP_S)
        for number in range(rounds):
            reporter.step(f"round {number + 1} of {rounds}")
            order = SIDES[number % len(SIDES) :] + SIDES[: number % len(SIDES)]
            one = {
                name: {str(many): measure(name, many, seconds) for many in IN_FLIGHT}
                for name in order
            }
            measured.append({name: one[name] for name in SIDES})
    return {
        "machine": machine(),
        "versions": {
            **versions("fastapi", "httptools", "httpx", "uvicorn", "uvloop"),
            "nginx": nginx_version(nginx),
        },
        "command": command,
        "load": {"body_bytes": BODY_BYTES, "in_flight": list(IN_FLIGHT)},
        "rounds": measured,
        "medians": medians(measured),
        "bars": bars(measured),
    }


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return each figure of each side, median over the rounds."""
    return {
        name: {
            many: {
                figure: statistics.median(one[name][many][figure] for one in rounds)
                for figure in ("requests_per_second", "cpu_us_per_request", "p50_us", "p99_us")
            }
            for many in map(str, IN_FLIGHT)
        }
        for name in SIDES
    }


def bars(rounds: Sequence[Figures]) -> Figures:
    """Return the three ratios, medians over the rounds, each within one round.

    Requests a CPU second and those beside the plain proxy are at 32 in flight, p50 at 1.
    """

    def median(ours: str, theirs: str, many: str, figure: str) -> float:
        ratios = [one[ours][many][figure] / max(one[theirs][many][figure], 1e-9) for one in rounds]
        return float(statistics.median(ratios))

    def bar(value: float, target: float, *, met: bool) -> Figures:
        return {"value": round(value, 3), "target": target, "met": met}

    per_cpu = median("nginx", "gateway", "32", "cpu_us_per_request")
    p50 = median("gateway", "nginx", "1", "p50_us")
    floor = median("gateway", "plain_proxy", "32", "requests_per_second")
    return {
        "gateway_vs_nginx": bar(per_cpu, 0.2, met=per_cpu >= 0.2),
        "gateway_p50_vs_nginx": bar(p50, 3.0, met=p50 <= 3.0),
        "gateway_vs_plain_proxy": bar(floor, 10.0, met=floor >= 10.0),
    }


@contextmanager
def _all_sides(nginx: str) -> Iterator[tuple[Mapping[str, Side], Path]]:
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        upstream = f"{folder}/upstream.sock"
        _, said = stack.enter_context(running_module("deploy.benchmarks.upstream", upstream, "0"))
        Path(upstream).chmod(0o777)
        worker = {"id": "upstream", "socket": upstream, "concurrency": SPEC.concurrency}
        ours = stack.enter_context(
            lone_gateway(folder / "gateway", functions=[SPEC], workers=[worker])
        )
        theirs, port = stack.enter_context(
            running_nginx(nginx, upstream=upstream, folder=folder / "nginx")
        )
        plain_port = free_port()
        plain = stack.enter_context(
            listening(
                [sys.executable, "-m", "deploy.benchmarks.plain_proxy", upstream, str(plain_port)],
                port=plain_port,
                log=folder / "plain.log",
            )
        )
        script = folder / "post.lua"
        script.write_text(post_script(body=body_of_400_bytes(), key=ours.key))
        path = "/function/upstream"
        yield (
            {
                "direct": Side(url=f"http://{HOST}:{said['port']}{path}", processes=()),
                "nginx": Side(url=f"http://{HOST}:{port}{path}", processes=(theirs,)),
                "gateway": Side(url=ours.url(SPEC.name), processes=(ours.process,)),
                "plain_proxy": Side(url=f"http://{HOST}:{plain_port}{path}", processes=(plain,)),
            },
            script,
        )


def body_of_400_bytes() -> str:
    """Return 400 bytes of JSON."""
    reading = {"meter_id": "B000001", "register": "1-0:1.8.0", "note": ""}
    missing = BODY_BYTES - len(json.dumps(reading))
    return json.dumps({**reading, "note": "x" * missing})
