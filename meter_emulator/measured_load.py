"""Sends readings that nobody has seen, encoded beforehand, as fast as the answers come.

Run as `python -m meter_emulator.measured_load --url ... --key-file ...`: says {"ready": true} when
everything is encoded, begins at the first line of its input, prints its figures as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import uvloop

from meter_emulator.backlog import Backlog, Pace
from meter_emulator.load_command import load_of, load_parser, read_counts, readings_head
from meter_emulator.measured_bodies import SHAPES, measured_bodies
from meter_emulator.sender import Lines, Sender
from meter_emulator.wire import Address, post

GIVE_UP_S = 30.0


async def send_measured(
    *, url: str, requests: list[bytes], per_body: int, connections: int
) -> dict[str, Any]:
    """Send each request once; return what was acknowledged, wall and CPU seconds, delays.

    `acknowledged` counts the readings answered as accepted, `other` those answered otherwise,
    `failures` the requests that were refused, repeated or given up. The CPU is this process's,
    from the first request to the last answer.
    """
    answers: list[bytes] = []
    refused: list[bytes] = []

    def source() -> Iterator[tuple[None, bytes, int]]:
        for request in requests:
            yield None, request, per_body

    def on_answer(_: None, status: int, body: bytes) -> None:
        (answers if status == 200 else refused).append(body)

    backlog: Backlog[None] = Backlog(
        source=source(), on_send=lambda _: None, on_answer=on_answer, pace=Pace(give_up_s=GIVE_UP_S)
    )
    sender = Sender(address=Address.of(url), backlog=backlog, lines=Lines(connections=connections))
    wall, cpu = time.perf_counter(), time.process_time()
    await sender.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    counts = [read_counts(answer) for answer in answers]
    return {
        "requests": len(answers),
        "acknowledged": sum(one.accepted for one in counts),
        "other": sum(one.duplicate + one.corrected + one.rejected for one in counts),
        "failures": len(refused) + backlog.retries + backlog.given_up,
        "first_refusal": refused[0].decode(errors="replace")[:300] if refused else None,
        "seconds": round(wall, 4),
        "cpu_seconds": round(cpu, 4),
        "delay_ms": backlog.delays.milliseconds(),
    }


def main() -> None:
    """Encode, wait for the word, send and print."""
    given = load_parser(__doc__, shapes=SHAPES, per_body=100, connections=16).parse_args()
    head = readings_head(url=given.url, key=given.key_file.read_text().strip())
    requests = [post(head, body) for body in measured_bodies(load_of(given))]
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    if not sys.stdin.readline():
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(
            send_measured(
                url=given.url,
                requests=requests,
                per_body=given.per_body,
                connections=given.connections,
            )
        )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
