"""What only containers have: sleep, a network of their own, and no way to the engine."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from tests.contract.providers.conftest import docker_subject
from tests.contract.providers.subject import Subject, eventually, gone, opened
from zones.providers.docker.body import Site
from zones.providers.docker.provider import DockerProvider
from zones.providers.ends import EndReason
from zones.providers.port import BecameReady, Ended


@pytest.fixture
async def subject(folder: Path, site: Site) -> AsyncIterator[Subject]:
    async with opened(docker_subject(folder, site, max_paused=2)) as subject:
        yield subject


def provider(subject: Subject) -> DockerProvider:
    assert isinstance(subject.provider, DockerProvider)
    return subject.provider


async def put_to_sleep(subject: Subject, instance: str) -> None:
    before = provider(subject).paused
    subject.provider.stop(instance, at_once=False, idle=True)
    assert (await subject.ended(instance)).reason is EndReason.STOPPED
    await eventually(lambda: provider(subject).paused > before, "the container is frozen")


def containers(engine: docker.DockerClient, site: Site) -> dict[str, str]:
    """Return tenant -> state of every container of the test's installation."""
    label = f"gridfaas.installation={site.installation}"
    found = engine.containers.list(all=True, filters={"label": label})
    return {one.labels["gridfaas.tenant"]: one.status for one in found}


async def test_an_idle_worker_is_frozen_and_goes_on_as_another_instance(
    subject: Subject, engine: docker.DockerClient, site: Site
) -> None:
    await subject.ready("first")
    await subject.call("first", "memory/1")
    before = (await subject.call("first", "see")).json()

    await put_to_sleep(subject, "first")

    assert containers(engine, site) == {"tenant-1": "paused"}
    with pytest.raises(httpx.TransportError):
        await subject.call("first", "see")
    await subject.start("second")
    await subject.until(lambda: subject.of("second", BecameReady))
    after = (await subject.call("second", "see")).json()
    assert containers(engine, site) == {"tenant-1": "running"}
    assert (after["pid"], after["kept"]) == (before["pid"], 1)
    # Its connections were closed before the sleep and are opened anew after it.
    assert (before["turns"], after["turns"]) == (1, 2)
    await put_to_sleep(subject, "second")
    assert len(subject.of("first", Ended)) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"tenant": 2}, id="another_tenant"),
        pytest.param({"function": "other"}, id="another_function"),
        pytest.param({"version": 2}, id="another_version"),
        pytest.param({"secrets": {"token": "rotated"}}, id="another_secret"),
    ],
)
async def test_a_frozen_container_is_never_reassigned(
    subject: Subject, change: dict[str, Any]
) -> None:
    first = await subject.ready("first")
    await put_to_sleep(subject, "first")

    second = await subject.ready("second", **change)

    assert second != first
    assert (await subject.call("second", "see")).json()["turns"] == 1


async def test_a_new_version_ends_the_frozen_container_of_the_old(subject: Subject) -> None:
    first = await subject.ready("first")
    await put_to_sleep(subject, "first")

    await subject.ready("second", version=2)

    await gone(first)
    assert provider(subject).paused == 0


async def test_the_number_of_frozen_containers_is_bounded(
    subject: Subject, engine: docker.DockerClient, site: Site
) -> None:
    pids = [await subject.ready(f"one-{tenant}", tenant=tenant) for tenant in (1, 2, 3)]
    for tenant in (1, 2):
        await put_to_sleep(subject, f"one-{tenant}")

    subject.provider.stop("one-3", at_once=False, idle=True)

    await gone(pids[0])
    await eventually(
        lambda: containers(engine, site) == {"tenant-2": "paused", "tenant-3": "paused"},
        "the one that slept longest has gone",
    )


async def test_a_container_removed_in_its_sleep_is_replaced(
    subject: Subject, engine: docker.DockerClient
) -> None:
    await subject.ready("first")
    await put_to_sleep(subject, "first")
    (frozen,) = engine.containers.list(filters={"label": "gridfaas.tenant=tenant-1"})

    frozen.remove(force=True)
    await eventually(lambda: provider(subject).paused == 0, "its end is seen")

    await subject.ready("second")
    assert len(subject.of("first", Ended)) == 1


async def test_a_container_removed_while_it_serves_ends_as_killed(
    subject: Subject, engine: docker.DockerClient
) -> None:
    await subject.ready("first")
    (serving,) = engine.containers.list(filters={"label": "gridfaas.tenant=tenant-1"})

    serving.remove(force=True)

    assert (await subject.ended("first")).reason is EndReason.KILLED


async def test_a_function_reaches_neither_the_engine_nor_the_network(
    subject: Subject,
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        await subject.ready("one")

        engine = (await subject.call("one", "engine")).json()
        network = (await subject.call("one", f"network/{port}")).json()
        mounts = (await subject.call("one", "mounts")).json()

    assert set(engine.values()) == {"FileNotFoundError"}
    assert network == "ConnectionRefusedError"
    assert "docker.sock" not in mounts
    written = (await subject.call("one", "write/1")).json()
    assert written == {
        "/tmp/x": "written",
        "/x": "Read-only file system",
        "/app/x": "Read-only file system",
    }


@pytest.fixture
def gateway() -> Iterator[int]:
    """A server on the host's loopback, as a gateway is; it answers each connection once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    line.recv(4096)
                    line.sendall(b"HTTP/1.0 200 OK\r\n\r\npong")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


async def test_a_function_reaches_its_zones_gateway(subject: Subject, gateway: int) -> None:
    await subject.ready("one", gateway_url=f"http://127.0.0.1:{gateway}")

    answers = await asyncio.gather(*(subject.call("one", "gateway/8080") for _ in range(5)))

    assert [answer.json().endswith("pong") for answer in answers] == [True] * 5


async def test_a_folder_outside_of_the_roots_is_refused(subject: Subject, folder: Path) -> None:
    link = folder / "functions" / "link"
    link.symlink_to("/etc")

    await subject.start("one", folder=str(link))

    ended = await subject.ended("one")
    assert "in no folder for functions" in ended.detail


async def test_a_spawner_that_dies_is_replaced_and_leaves_nothing(
    subject: Subject, engine: docker.DockerClient, site: Site
) -> None:
    await subject.ready("first")
    await subject.ready("asleep", tenant=2)
    await put_to_sleep(subject, "asleep")
    spawner = provider(subject).spawner_pid
    assert spawner is not None

    os.kill(spawner, signal.SIGKILL)

    assert (await subject.ended("first")).reason is EndReason.KILLED
    await subject.ready("second", tenant=3)
    assert containers(engine, site) == {"tenant-3": "running"}
    assert provider(subject).paused == 0
