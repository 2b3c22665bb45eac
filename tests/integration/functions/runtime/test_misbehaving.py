"""Functions that misbehave, for real and as root: each is ended for its reason, no neighbour is."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.functions.runtime.conftest import WriteFunction
from tests.integration.functions.runtime.zygote_process import (
    FIRST_UID,
    Worker,
    Zygote,
    running_zygote,
)
from zones.providers.ends import EndReason, reason_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="tenants are only walled off as root")

MISCHIEF = """
import ctypes
import os
import resource
import tempfile
import threading
import time
from pathlib import Path

kept = []


async def handle(event, context):
    return globals()[event.path.strip("/")]()


def well():
    return {"pid": os.getpid(), "uid": os.getuid()}


def leak():
    while True:
        kept.append(bytearray(1 << 20))


def leak_in_children():
    for _ in range(8):
        if os.fork() == 0:
            kept.append(b"x" * (40 << 20))
            time.sleep(60)
            os._exit(0)
    return "started"


def loop():
    while True:
        pass


def bomb():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)


def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
    return "left behind"


def fill_disk():
    at = Path(tempfile.gettempdir())
    for number in range(10_000):
        (at / str(number)).write_bytes(bytes(1 << 20))


def fill_disk_quietly():
    try:
        fill_disk()
    except OSError as error:
        return error.strerror


def write_elsewhere():
    tried = {}
    for place in ("/tmp", "/dev/shm", "/var/lib", os.getcwd(), "/work"):
        try:
            Path(place, "mine").write_text("x")
            tried[place] = "written"
        except OSError as error:
            tried[place] = error.strerror
    return tried


def crash():
    os.abort()


def breakout():
    libc = ctypes.CDLL(None, use_errno=True)
    tried = {}
    for name, arguments in {
        "unshare": (0x10000000,), "ptrace": (0, 0, 0, 0), "setns": (0, 0),
        "mount": (None, None, None, 0, None), "umount2": (b"/tmp", 0), "chroot": (b"/tmp",),
    }.items():
        ctypes.set_errno(0)
        done = getattr(libc, name)(*arguments)
        tried[name] = (done, ctypes.get_errno())
    for name, number in {"bpf": 321, "keyctl": 250, "userfaultfd": 323, "io_uring": 425}.items():
        ctypes.set_errno(0)
        tried[name] = (libc.syscall(number, 0, 0, 0), ctypes.get_errno())
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return tried
"""
EPERM = 1


@pytest.fixture(scope="module")
def folder(write_function: WriteFunction) -> Path:
    return write_function("mischief", handler=MISCHIEF)


@pytest.fixture(scope="module")
def neighbour(zygote: Zygote, folder: Path) -> Worker:
    return zygote.ready("neighbour", folder, tenant="basra", uid=FIRST_UID + 50)


@pytest.fixture
def start(zygote: Zygote, folder: Path, request: pytest.FixtureRequest) -> Callable[..., Worker]:
    def start(**limits: Any) -> Worker:
        name = f"w{abs(hash(request.node.name)) % 10**8}-{limits.pop('number', 1)}"
        return zygote.ready(name, folder, **limits)

    return start


def reason(worker: Worker) -> EndReason:
    end = worker.heard("exited")
    return reason_of(status=end["status"], signal=end["signal"], asked=False, limit=end["limit"])


def ended_while_neighbour_answers(
    worker: Worker, path: str, neighbour: Worker
) -> tuple[EndReason, httpx.Response | None]:
    """Call `path`, and the neighbour until the worker has ended; the neighbour must not fail."""
    with ThreadPoolExecutor(2) as threads:
        answer = threads.submit(_answer, worker, path)
        ended = threads.submit(reason, worker)
        answered = 0
        while not ended.done() or not answered:
            assert neighbour.call("/well", timeout=10).status_code == 200
            answered += 1
        return ended.result(), answer.result()


def _answer(worker: Worker, path: str) -> httpx.Response | None:
    try:
        return worker.call(path)
    except httpx.TransportError:
        return None


def slug(answer: httpx.Response | None) -> str:
    assert answer is not None
    kind: str = answer.json()["type"]
    return kind.removeprefix("urn:gridfaas:problem:")


def gone(uid: int) -> bool:
    return not [one for one in psutil.process_iter(["uids"]) if one.info["uids"].real == uid]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_leak_ends_its_worker_and_the_next_one_serves(
    start: Callable[..., Worker], neighbour: Worker
) -> None:
    why, answer = ended_while_neighbour_answers(start(uid=FIRST_UID + 1), "/leak", neighbour)

    assert why is EndReason.MEMORY_LIMIT
    assert slug(answer) == "memory-limit"
    assert start(uid=FIRST_UID + 1, number=2).call("/well").status_code == 200


def test_memory_is_counted_over_all_that_a_worker_starts(
    zygote: Zygote, start: Callable[..., Worker], neighbour: Worker
) -> None:
    if "memory" not in zygote.isolation:
        pytest.skip("no control group for memory here")
    worker = start(uid=FIRST_UID + 2, disk_mb=1)

    why, _ = ended_while_neighbour_answers(worker, "/leak_in_children", neighbour)

    assert why is EndReason.MEMORY_LIMIT
    until(lambda: gone(FIRST_UID + 2), "its children end with it")


def test_an_endless_loop_is_ended(start: Callable[..., Worker], neighbour: Worker) -> None:
    why, _ = ended_while_neighbour_answers(
        start(uid=FIRST_UID + 3, timeout_s=1), "/loop", neighbour
    )

    assert why is EndReason.RUN_TIME_LIMIT


def test_a_fork_bomb_is_ended_with_all_of_it(
    zygote: Zygote, start: Callable[..., Worker], neighbour: Worker
) -> None:
    worker = start(uid=FIRST_UID + 4, pids=20, timeout_s=20)

    why, _ = ended_while_neighbour_answers(worker, "/bomb", neighbour)

    if "pids" in zygote.isolation:
        assert why is EndReason.PROCESS_LIMIT
    else:
        assert why is EndReason.RUN_TIME_LIMIT
    until(lambda: gone(FIRST_UID + 4), "the bomb's children end")


def test_what_leaves_its_workers_session_is_ended(start: Callable[..., Worker]) -> None:
    worker = start(uid=FIRST_UID + 5)
    pid = worker.call("/well").json()["pid"]

    assert worker.call("/daemon").text == "left behind"

    def only_worker() -> bool:
        ours = [p for p in psutil.process_iter(["uids"]) if p.info["uids"].real == FIRST_UID + 5]
        return [one.pid for one in ours] == [pid]

    until(only_worker, "the daemon ends")
    assert worker.call("/well").json()["pid"] == pid


@pytest.mark.parametrize("path", ["/fill_disk", "/fill_disk_quietly"])
def test_a_disk_filler_is_ended_and_the_next_one_has_an_empty_disk(
    start: Callable[..., Worker], neighbour: Worker, path: str
) -> None:
    worker = start(uid=FIRST_UID + 6, disk_mb=16, memory_mb=128)

    why, answer = ended_while_neighbour_answers(worker, path, neighbour)

    assert why is EndReason.DISK_LIMIT
    if path == "/fill_disk":
        assert slug(answer) == "disk-limit"
    again = start(uid=FIRST_UID + 6, disk_mb=16, memory_mb=128, number=2)
    assert again.call("/well").status_code == 200


def test_there_is_nowhere_else_to_write(start: Callable[..., Worker]) -> None:
    tried = start(uid=FIRST_UID + 7).call("/write_elsewhere").json()

    assert tried
    assert "written" not in tried.values()


def test_a_crash_is_a_crash(start: Callable[..., Worker], neighbour: Worker) -> None:
    why, _ = ended_while_neighbour_answers(start(uid=FIRST_UID + 8), "/crash", neighbour)

    assert why is EndReason.CRASHED


def test_somebody_elses_signal_is_no_crash(start: Callable[..., Worker]) -> None:
    worker = start(uid=FIRST_UID + 9)

    os.kill(worker.call("/well").json()["pid"], signal.SIGKILL)

    assert reason(worker) is EndReason.KILLED


def test_a_zygote_leaves_no_groups_behind(folder: Path, open_folder: Path) -> None:
    with running_zygote(open_folder) as zygote:
        if "no control groups" in zygote.isolation:
            pytest.skip("no control groups here")
        worker = zygote.ready("last", folder, uid=FIRST_UID + 11)
        pid = worker.call("/well").json()["pid"]
        parent = psutil.Process(pid).ppid()
        grouped = Path(f"/proc/{pid}/cgroup").read_text()

    assert f"gridfaas-{parent}/last" in grouped
    assert not list(Path("/sys/fs/cgroup").rglob(f"gridfaas-{parent}"))


def test_the_kernels_doors_are_closed(zygote: Zygote, start: Callable[..., Worker]) -> None:
    if "no seccomp" in zygote.isolation:
        pytest.skip("no libseccomp here")

    tried = start(uid=FIRST_UID + 10).call("/breakout").json()

    assert tried == {name: [-1, EPERM] for name in tried}
    assert len(tried) == 10
