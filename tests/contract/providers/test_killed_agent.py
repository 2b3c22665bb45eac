"""An agent that is killed leaves nothing that the next one does not end or remove."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.providers.conftest import docker_subject, process_subject
from tests.contract.providers.engine import ROOT
from tests.contract.providers.subject import Subject, eventually, gone, opened
from zones.providers.docker.body import decode_site, encode_site
from zones.providers.port import BecameReady

HOLDER = "tests.contract.providers.test_killed_agent"


@pytest.mark.parametrize("kind", ["process", "docker"])
async def test_what_a_killed_agent_left_is_gone_with_the_next(
    kind: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    text = encode_site(request.getfixturevalue("site")) if kind == "docker" else ""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", HOLDER, str(folder), text, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert holder.stdout is not None
    pids = [int(pid) for pid in (await holder.stdout.readline()).split()]
    assert len(pids) == 2

    # The spawner, too: nobody is left who could clean up.
    for pid in (*_spawners(holder.pid), holder.pid):
        os.kill(pid, signal.SIGKILL)
    await holder.wait()

    for worker in (folder / "w").iterdir():
        worker.unlink()
    subject = _subject(folder, text)
    async with opened(subject):
        for pid in pids:
            await gone(pid)
        if kind == "docker":
            engine = request.getfixturevalue("engine")
            label = f"gridfaas.installation={decode_site(text).installation}"
            left = {"all": True, "filters": {"label": label}}
            await eventually(lambda: not engine.containers.list(**left), "all are removed")
        await subject.ready("one")


def _spawners(agent: int) -> list[int]:
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    return [int(pid) for pid in children if b"spawner" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _subject(folder: Path, site: str) -> Subject:
    return docker_subject(folder, decode_site(site)) if site else process_subject(folder)


async def hold(folder: Path, site: str) -> None:
    """Start a worker that serves and one that sleeps where it can, say their pids, wait."""
    async with opened(_subject(folder, site)) as subject:
        pids = [await subject.ready(name, tenant=tenant) for tenant, name in ((1, "a"), (2, "b"))]
        if site:
            subject.provider.stop("b", at_once=False, idle=True)
            await subject.ended("b")
            await asyncio.sleep(1)
        assert subject.of("a", BecameReady)
        sys.stdout.write(" ".join(map(str, pids)) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1]), sys.argv[2]))
