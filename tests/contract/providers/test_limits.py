"""A function that misbehaves is ended or held back, and hurts nobody else."""

import contextlib

import httpx

from tests.contract.providers.subject import Subject
from zones.providers.ends import EndReason


async def test_memory_beyond_the_limit_ends_its_own_worker(subject: Subject) -> None:
    await subject.ready("greedy", memory_mb=64)
    await subject.ready("modest", tenant=2, memory_mb=64)

    assert (await subject.call("greedy", "memory/8")).json() == "taken"
    with contextlib.suppress(httpx.TransportError):
        answer = await subject.call("greedy", "memory/512")
        assert answer.status_code >= 500

    assert (await subject.ended("greedy")).reason is EndReason.MEMORY_LIMIT
    assert (await subject.call("modest", "memory/8")).json() == "taken"


async def test_processes_are_bounded(subject: Subject) -> None:
    await subject.ready("bomb", pids=16)
    await subject.ready("modest", tenant=2, pids=16)

    made = None
    with contextlib.suppress(httpx.TransportError):
        made = (await subject.call("bomb", "fork/200")).json()

    if made is None:
        assert (await subject.ended("bomb")).reason is EndReason.PROCESS_LIMIT
    else:
        assert 0 < made < 200
    assert (await subject.call("modest", "fork/4")).json() == 4


async def test_an_endless_loop_is_ended(subject: Subject) -> None:
    await subject.ready("busy", timeout_s=1)
    await subject.ready("modest", tenant=2)

    with contextlib.suppress(httpx.TransportError):
        await subject.call("busy", "loop")

    assert (await subject.ended("busy")).reason is EndReason.RUN_TIME_LIMIT
    assert (await subject.call("modest", "see")).status_code == 200


async def test_the_disk_is_bounded(subject: Subject) -> None:
    await subject.ready("filler", disk_mb=4)

    with contextlib.suppress(httpx.TransportError):
        written = (await subject.call("filler", "write/64")).json()
        assert "written" not in written.values()
