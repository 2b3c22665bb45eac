"""Sends readings that nobody has seen at a rate, each when it is due, however slow the answers are.

Run as `python -m meter_emulator.steady_load --url ... --key-file ... --rate ...`: prints a line of
JSON with what was answered every few seconds, and last one with its figures. Bodies are made as
they are needed, so a run may be of any length.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import uvloop

from meter_emulator.backlog import Backlog, Pace
from meter_emulator.load_command import (
    OUTCOMES,
    load_of,
    load_parser,
    read_counts,
    readings_head,
)
from meter_emulator.measured_bodies import Measured, measured_bodies
from meter_emulator.sender import Lines, Sender
from meter_emulator.wire import Address, post

GIVE_UP_S: Final = 60.0
SAY_EVERY_S: Final = 2.0
BODIES_MADE_TOGETHER: Final = 100


def endless_bodies(load: Measured) -> Iterator[tuple[bytes, int]]:
    """Encode the bodies of `load` in their order, a few ahead; yields each with its readings."""
    chunk = load.per_body * BODIES_MADE_TOGETHER
    for begin in range(0, load.readings, chunk):
        readings = min(chunk, load.readings - begin)
        part = replace(load, skip=load.skip + begin, readings=readings, seed=load.seed + begin)
        for number, body in enumerate(measured_bodies(part)):
            yield body, min(load.per_body, readings - number * load.per_body)


class SteadyLoad:
    """Sends `load` at `rate` readings/s (0: as fast as answers come) over `connections`."""

    def __init__(self, *, url: str, key: str, load: Measured, rate: float, lines: Lines) -> None:
        address = Address.of(url)
        self._head = readings_head(url=url, key=key)
        self._outcomes: Counter[str] = Counter()
        self._sent = self._refused = 0
        self._first_refusal: str | None = None
        self._backlog: Backlog[int] = Backlog(
            source=self._requests(load),
            on_send=self._on_send,
            on_answer=self._on_answer,
            pace=Pace(rate=rate, give_up_s=GIVE_UP_S),
        )
        self._sender = Sender(address=address, backlog=self._backlog, lines=lines)

    async def run(self) -> None:
        """Send until all is answered, refused or given up."""
        await self._sender.run()

    def progress(self) -> dict[str, int]:
        """Readings that went out, and those that were answered, so far."""
        return {"sent": self._sent, "answered": sum(self._outcomes.values())}

    def figures(self) -> dict[str, Any]:
        """What became of the readings, and the delays of bodies from when they were due."""
        return {
            **self.progress(),
            "outcomes": {name: self._outcomes[name] for name in OUTCOMES},
            "refused_bodies": self._refused,
            "given_up_bodies": self._backlog.given_up,
            "retries": self._backlog.retries,
            "first_refusal": self._first_refusal,
            "bodies": self._backlog.delays.count,
            "delay_ms": self._backlog.delays.milliseconds(),
        }

    def _requests(self, load: Measured) -> Iterator[tuple[int, bytes, int]]:
        for body, readings in endless_bodies(load):
            yield readings, post(self._head, body), readings

    def _on_send(self, readings: int) -> None:
        self._sent += readings

    def _on_answer(self, _: int, status: int, body: bytes) -> None:
        if status == 200:
            counts = read_counts(body)
            for name in OUTCOMES:
                self._outcomes[name] += getattr(counts, name)
            return
        self._refused += 1
        self._first_refusal = self._first_refusal or body.decode(errors="replace")[:300]


def main() -> None:
    """Send and print."""
    # A shape of days would be sent by the meter, not by the instant.
    parser = load_parser(__doc__, shapes=["live"], per_body=500, connections=32)
    parser.add_argument("--rate", type=float, required=True, help="readings/s, 0: all you can")
    given = parser.parse_args()
    load = SteadyLoad(
        url=given.url,
        key=given.key_file.read_text().strip(),
        load=load_of(given),
        rate=given.rate,
        lines=Lines(connections=given.connections),
    )

    async def send() -> None:
        running = asyncio.create_task(load.run())
        while not running.done():
            _say(load.progress())
            await asyncio.wait([running], timeout=SAY_EVERY_S)
        await running

    wall, cpu = time.perf_counter(), time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(send())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    _say(load.figures() | {"seconds": round(wall, 3), "cpu_seconds": round(cpu, 3)})


def _say(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
