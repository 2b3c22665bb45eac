"""Sends readings that nobody has seen, encoded beforehand, as fast as the answers come.

Run as `python -m meter_emulator.measured_load --url ... --key-file ...`: says {"ready": true} when
everything is encoded, begins at the first line of its input, prints its figures as JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from meter_emulator.backlog import Backlog, Pace
from meter_emulator.measured_bodies import FORMS, SHAPES, Measured, measured_bodies
from meter_emulator.sender import Lines, Sender
from meter_emulator.wire import Address, post, post_head

PATH = "/v1/mdms/readings"
GIVE_UP_S = 30.0


class _Counts(msgspec.Struct):
    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0


_counts = msgspec.json.Decoder(_Counts)


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
    counts = [_counts.decode(answer) for answer in answers]
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--form", choices=FORMS, default="series")
    parser.add_argument("--shape", choices=SHAPES, default="live")
    parser.add_argument("--meters", type=int, required=True)
    parser.add_argument("--first-s", type=int, required=True, help="midnight UTC, Unix seconds")
    parser.add_argument("--skip", type=int, default=0, help="readings that were sent before")
    parser.add_argument("--readings", type=int, required=True)
    parser.add_argument("--per-body", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    load = Measured(
        form=given.form,
        shape=given.shape,
        meters=given.meters,
        first_s=given.first_s,
        skip=given.skip,
        readings=given.readings,
        per_body=given.per_body,
    )
    key = given.key_file.read_text().strip()
    head = post_head(
        address=Address.of(given.url),
        path=PATH,
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    requests = [post(head, body) for body in measured_bodies(load)]
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
