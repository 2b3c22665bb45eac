"""An emulated load, sent to one edge by the meter emulator as a process of its own."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from deploy.lab.failure import LabFailure
from deploy.lab.load_spec import EdgeLoad, LoadSpec
from deploy.lab.sent import Sent
from deploy.servers.leashed import leash_command
from deploy.servers.secret_file import write_secret

# Its exit codes when it ran to the end: all acknowledged, some refused, some without an answer.
FINISHED = (0, 3, 4)
STOP_TIMEOUT_S = 10.0


class EmulatorFailed(LabFailure):
    """The emulator did not run to its end."""


async def emulate(
    url: str,
    *,
    spec: LoadSpec,
    loads: Sequence[EdgeLoad],
    rate: float,
    folder: Path,
    timeout_s: float,
    on_progress: Callable[[int, int], None],
) -> Sent:
    """Send the days of `spec` for `loads` to the gateway `url`, at `rate` readings/s (0: no limit).

    `on_progress` gets (acknowledged, planned). `folder` takes the plan and the key files, which
    no command line may show.

    Raises:
        EmulatorFailed: it broke, or was not done after `timeout_s`.
    """
    process = await asyncio.create_subprocess_exec(
        *leash_command(_command(url, spec=spec, rate=rate, plan=_write_plan(folder, loads))),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            answer, last = await asyncio.gather(
                _read_all(process.stdout), _follow(process.stderr, on_progress)
            )
            await process.wait()
    except TimeoutError:
        raise EmulatorFailed(f"the emulator was not done after {timeout_s:.0f} s") from None
    finally:
        await _end(process)
    if process.returncode not in FINISHED:
        raise EmulatorFailed(f"the emulator ended with status {process.returncode}: {last}")
    return msgspec.json.decode(answer, type=Sent)


def _command(url: str, *, spec: LoadSpec, rate: float, plan: Path) -> list[str]:
    faults = [f"--fault={name}={share}" for name, share in spec.faults.items()]
    return [
        *(sys.executable, "-m", "meter_emulator", "send", "--url", url, "--plan", str(plan)),
        *("--day", spec.first_day.isoformat(), "--days", str(spec.days)),
        *("--shape", spec.shape, "--rate", str(rate), *faults),
        *("--progress", "--json"),
    ]


def _write_plan(folder: Path, loads: Sequence[EdgeLoad]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    entries = []
    for one in loads:
        load = one.load
        key_file = folder / f"{load.tenant}.key"
        write_secret(key_file, load.key)
        entries.append(
            {
                "tenant": load.tenant,
                "key_file": str(key_file),
                "count": load.count,
                "seed": load.seed,
                "pv_share": load.pv_share,
                "preset": load.preset,
                "part": one.part,
                "parts": one.parts,
            }
        )
    plan = folder / "plan.json"
    write_secret(plan, msgspec.json.encode(entries).decode())
    return plan


async def _read_all(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()


async def _follow(
    stream: asyncio.StreamReader | None, on_progress: Callable[[int, int], None]
) -> str:
    """Report each line of figures and return the last line that was something else."""
    assert stream is not None
    last = "no output"
    async for line in stream:
        try:
            figures = msgspec.json.decode(line, type=dict[str, float])
            on_progress(int(figures["acknowledged"]), int(figures["planned"]))
        except (msgspec.DecodeError, KeyError):
            last = line.decode(errors="replace").strip() or last
    return last


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
