"""How many requests the sender makes in a CPU second, with one body encoded beforehand.

Run as `python -m meter_emulator.speed --url ... --seconds ... --connections ...`; prints JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop

from meter_emulator.backlog import Backlog, Pace
from meter_emulator.sender import Lines, Sender
from meter_emulator.wire import Address, post, post_head

BODY_READINGS = 100


def sample_body() -> bytes:
    """Return a live body of 100 readings."""
    series = {
        "at": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "register": "1-0:1.8.0",
        "meter_ids": [f"B{n:06}" for n in range(1, BODY_READINGS + 1)],
        "values": list(range(100, 100 + BODY_READINGS)),
    }
    return json.dumps({"series": [series]}, separators=(",", ":")).encode()


async def measure_sender(*, url: str, seconds: float, connections: int) -> dict[str, Any]:
    """Send one body over and over for `seconds`; return requests, failures, wall and CPU seconds.

    The CPU is this process's, from the first request to the last answer.
    """
    address = Address.of(url)
    head = post_head(address=address, path="/", headers={"content-type": "application/json"})
    request = post(head, sample_body())
    until = time.monotonic() + seconds
    answered: list[int] = [0, 0]

    def requests() -> Iterator[tuple[None, bytes, int]]:
        while time.monotonic() < until:
            yield None, request, BODY_READINGS

    def on_answer(_: None, status: int, body: bytes) -> None:
        answered[status != 200] += 1

    backlog: Backlog[None] = Backlog(
        source=requests(), on_send=lambda _: None, on_answer=on_answer, pace=Pace(give_up_s=10)
    )
    sender = Sender(address=address, backlog=backlog, lines=Lines(connections=connections))
    wall, cpu = time.perf_counter(), time.process_time()
    await sender.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "requests": answered[0],
        "failures": answered[1] + backlog.retries + backlog.given_up,
        "seconds": round(wall, 4),
        "cpu_seconds": round(cpu, 4),
        "delay_ms": backlog.delays.milliseconds(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="the server to measure against")
    parser.add_argument("--print-body", action="store_true", help="print the body and end")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    if given.print_body:
        sys.stdout.write(sample_body().decode() + "\n")
        return
    if not given.url:
        parser.error("--url is needed")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(
            measure_sender(url=given.url, seconds=given.seconds, connections=given.connections)
        )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
