"""The nation's sender: a process of its own, told when what must arrive, and what came of it."""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.whole_way import WholeWay
from deploy.lab.reporting import Reporter
from deploy.servers.leashed import leash_command

# No answer for so long, or no entry that moves: somebody hangs.
STALL_S: Final = 60.0
# Validation looks at every meter of a zone when the newest interval is another one.
ARRIVAL_STALL_S: Final = 180.0
METERS_LOOKED_AT_A_SECOND: Final = 8_000
LOOK_S: Final = 0.2
SAY_S: Final = 30.0

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """`readings` of `meters` meters, instant by instant from `first_s` (midnight UTC) on, without
    the first `skip`, at `rate` readings/s (0: as fast as answers come)."""

    meters: int
    first_s: int
    skip: int
    readings: int
    rate: float
    per_body: int
    connections: int


async def send(whole: WholeWay, sending: Sending, *, on_answered: Callable[[int], None]) -> Figures:
    """Send to the edge; return the sender's figures. `on_answered` is told of it all the while.

    Raises:
        MeasurementFailed: the sender broke, or no answer came for `STALL_S`; or a reading was
            refused or given up.
    """
    command = [sys.executable, "-m", "meter_emulator.steady_load"]
    options = {
        "--url": whole.url,
        "--key-file": whole.key_file,
        "--rate": sending.rate,
        "--meters": sending.meters,
        "--first-s": sending.first_s,
        "--skip": sending.skip,
        "--readings": sending.readings,
        "--per-body": sending.per_body,
        "--connections": sending.connections,
    }
    command += [str(part) for option in options.items() for part in option]
    process = await asyncio.create_subprocess_exec(
        *leash_command(command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: Figures = {"answered": 0}
    moved = time.monotonic()
    try:
        while True:
            async with asyncio.timeout(STALL_S):
                line = await process.stdout.readline()
            if not line:
                break
            before, said = said["answered"], msgspec.json.decode(line)
            on_answered(said["answered"])
            if said["answered"] > before:
                moved = time.monotonic()
            elif time.monotonic() - moved > STALL_S:
                raise MeasurementFailed(
                    f"the edge answered nothing for {STALL_S:.0f} s, after {before} readings"
                )
        status = await process.wait()
    except TimeoutError:
        raise MeasurementFailed(f"the sender said nothing for {STALL_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status or "outcomes" not in said:
        raise MeasurementFailed(f"the sender ended with status {status}")
    stored = said["outcomes"]["accepted"] + said["outcomes"]["duplicate"]
    if stored != sending.readings:
        raise MeasurementFailed(f"not every reading was taken: {said}")
    return said


async def arrived(whole: WholeWay, *, meters: int, reporter: Reporter) -> None:
    """Return when all that was acknowledged is validated and committed at headquarters.

    Raises:
        MeasurementFailed: no stream became shorter for longer than a zone with `meters` meters
            may need; names what is left.
    """
    stall_s = ARRIVAL_STALL_S + meters / METERS_LOOKED_AT_A_SECOND
    least: dict[str, int] = {}
    moved = said = time.monotonic()
    while True:
        waiting = await asyncio.to_thread(whole.waiting)
        if not any(waiting.values()):
            return
        now = time.monotonic()
        if any(count < least.get(name, count + 1) for name, count in waiting.items()):
            moved = now
        least = {name: min(count, least.get(name, count)) for name, count in waiting.items()}
        left = ", ".join(f"{name} {count}" for name, count in waiting.items() if count)
        if now - moved > stall_s:
            raise MeasurementFailed(
                f"for {stall_s:.0f} s nothing of what was sent arrived, entries left: "
                f"{left} (logs: {whole.lab.home.logs})"
            )
        if now - said > SAY_S:
            reporter.step(f"on the way, in entries: {left}")
            said = now
        await asyncio.sleep(LOOK_S)
