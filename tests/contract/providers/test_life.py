"""From a worker's start to its one end, on every provider."""

import asyncio
import os
import signal

import httpx
import psutil
import pytest

from tests.contract.providers.subject import Subject, gone, opened
from zones.providers.ends import EndReason
from zones.providers.port import BecameReady, Ended, Launch, Launched, LaunchRefused


async def test_a_worker_is_launched_serves_and_reports_its_load(subject: Subject) -> None:
    pid = await subject.ready("one")

    answer = await subject.call("one", "see")

    assert answer.status_code == 200
    assert psutil.pid_exists(pid)
    assert await subject.calls("one") == 1
    assert len(subject.of("one", Launched)) == len(subject.of("one", BecameReady)) == 1


async def test_a_stopped_worker_finishes_its_calls_and_ends_once(subject: Subject) -> None:
    pid = await subject.ready("one")
    under_way = asyncio.create_task(subject.call("one", "sleep/1"))
    await asyncio.sleep(0.3)

    subject.provider.stop("one", at_once=False)
    subject.provider.stop("one", at_once=False)

    assert (await under_way).json() == "slept"
    assert (await subject.ended("one")).reason is EndReason.STOPPED
    await gone(pid)
    with pytest.raises(httpx.TransportError):
        await subject.call("one", "see")
    subject.provider.stop("one", at_once=True)
    await asyncio.sleep(0.3)
    assert len(subject.of("one", Ended)) == 1


async def test_a_worker_is_ended_at_once(subject: Subject) -> None:
    pid = await subject.ready("one")
    under_way = asyncio.create_task(subject.call("one", "sleep/30"))
    await asyncio.sleep(0.3)

    subject.provider.stop("one", at_once=True)

    assert (await subject.ended("one")).reason is EndReason.STOPPED
    with pytest.raises(httpx.TransportError):
        await under_way
    await gone(pid)


async def test_a_start_that_is_called_off_ends_once(subject: Subject) -> None:
    await subject.start("one")

    subject.provider.stop("one", at_once=True)

    assert (await subject.ended("one")).reason is EndReason.STOPPED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"folder": "broken"}, id="code_raises"),
        pytest.param({"folder": "nothing_here"}, id="no_such_folder"),
    ],
)
async def test_a_worker_that_cannot_start_ends_and_the_next_one_can(
    subject: Subject, change: dict[str, str]
) -> None:
    await subject.start("bad", folder=str(subject.functions / change["folder"]))

    assert (await subject.ended("bad")).reason is EndReason.CRASHED
    assert subject.of("bad", BecameReady) == []
    await subject.ready("good")


async def test_a_worker_killed_by_somebody_else_ends_as_killed(subject: Subject) -> None:
    pid = await subject.ready("one")
    await subject.ready("two", tenant=2)

    os.kill(pid, signal.SIGKILL)

    assert (await subject.ended("one")).reason is EndReason.KILLED
    assert (await subject.call("two", "see")).status_code == 200


async def test_many_start_at_once(subject: Subject) -> None:
    names = [f"many-{number}" for number in range(6)]

    pids = await asyncio.gather(
        *(subject.ready(name, tenant=number % 2 + 1) for number, name in enumerate(names))
    )

    answers = await asyncio.gather(*(subject.call(name, "see") for name in names))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len(set(pids)) == 6


async def test_an_unknown_worker_is_no_error(subject: Subject) -> None:
    subject.provider.stop("nobody", at_once=False)
    subject.provider.stop("nobody", at_once=True)
    subject.provider.stop("nobody", at_once=False, idle=True)
    await asyncio.sleep(0.2)

    assert subject.events == []


@pytest.mark.parametrize(
    "content", [pytest.param({"x" * 40: "y" * 40} | {"z": "x" * 80_000}, id="larger_than_a_pipe")]
)
async def test_a_refused_launch_has_no_events(subject: Subject, content: dict[str, str]) -> None:
    config = subject.config("one", settings=content)
    ordered: list[str] = []

    with pytest.raises(LaunchRefused):
        await subject.provider.start(
            Launch(instance="one", config=config), ordered=lambda: ordered.append("one")
        )

    assert ordered == []
    assert subject.events == []


async def test_a_closed_provider_leaves_nothing(closed_subject: Subject) -> None:
    async with opened(closed_subject) as subject:
        pids = [await subject.ready("one"), await subject.ready("two", tenant=2)]

    for pid in pids:
        await gone(pid)
    assert closed_subject.provider.up is False
    for name in ("one", "two"):
        assert (await closed_subject.ended(name)).reason is EndReason.STOPPED
