"""A zygote that is not root: the limits that are left hold, and it says which are not."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.functions.runtime.conftest import WriteFunction
from tests.integration.functions.runtime.test_misbehaving import MISCHIEF, reason, until
from tests.integration.functions.runtime.zygote_process import Zygote, running_zygote
from zones.providers.ends import EndReason


@pytest.fixture(scope="module")
def folder(write_function: WriteFunction) -> Path:
    return write_function("ordinary", handler=MISCHIEF)


@pytest.fixture(scope="module")
def ordinary(open_folder: Path) -> Iterator[Zygote]:
    """A zygote that runs as nobody."""
    open_folder.chmod(0o777)
    with running_zygote(open_folder, ordinary=True) as zygote:
        yield zygote


def test_it_says_what_it_does_not_hold(ordinary: Zygote) -> None:
    assert ordinary.isolation.startswith("none (not root); no control groups")


def test_a_leak_ends_its_worker(ordinary: Zygote, folder: Path) -> None:
    worker = ordinary.ready("leak", folder)

    answer = worker.call("/leak")

    assert answer.status_code == 503
    assert reason(worker) is EndReason.MEMORY_LIMIT


def test_an_endless_loop_is_ended(ordinary: Zygote, folder: Path) -> None:
    worker = ordinary.ready("loop", folder, timeout_s=1)

    with pytest.raises(httpx.TransportError):
        worker.call("/loop")

    assert reason(worker) is EndReason.RUN_TIME_LIMIT


def test_what_a_worker_leaves_behind_is_ended(ordinary: Zygote, folder: Path) -> None:
    worker = ordinary.ready("daemon", folder)
    pid = worker.call("/well").json()["pid"]
    worker.call("/daemon")
    (zygote,) = psutil.Process(pid).parents()[:1]

    ordinary.signal(worker, 15)
    worker.heard("exited")

    until(lambda: not zygote.children(recursive=True), "nothing is left")


def test_no_new_privileges_for_anybody(ordinary: Zygote, write_function: WriteFunction) -> None:
    handler = "async def handle(e, c):\n    return open('/proc/self/status').read()\n"
    worker = ordinary.ready("status", write_function("status", handler=handler))

    assert "NoNewPrivs:\t1" in worker.call("/").text
