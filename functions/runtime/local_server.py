"""A function served on a developer's machine, loaded again whenever one of its files changes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.3
STOP_WITHIN_S: Final = 5.0
SKIPPED: Final = frozenset({"__pycache__", ".git", ".venv", ".pytest_cache", "env"})
MAX_FILES: Final = 5_000

Stamps = dict[Path, tuple[int, int]]


class AddressUnusable(Exception):
    """The server cannot listen there: somebody else does, or it is no address of this machine."""


class NotAFunction(Exception):
    """The folder holds no function.yaml."""


def serve(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8090,
    *,
    say: Callable[[str], object] = lambda line: sys.stderr.write(f"{line}\n"),
) -> None:
    """Serve the function in `folder` until SIGINT or SIGTERM; `say` is told what happens.

    It is called at any path, also at `/function/NAME/...` as in a zone. There is no zone around
    it: `context.hot` and `context.cold` are None, invoke and publish raise ZoneUnreachable. A
    secret comes from the environment variable GRIDFAAS_SECRET_<its name, upper case>. Code that
    cannot be loaded is answered with a problem that says why, until it is changed.

    Raises:
        NotAFunction: no function.yaml.
        AddressUnusable: see there.
    """
    folder = folder.resolve()
    if not (folder / "function.yaml").is_file():
        raise NotAFunction(f"{folder} has no function.yaml")
    with _listening(host, port) as listener:
        say(f"serving {folder} at http://{host}:{listener.getsockname()[1]}/ (Ctrl-C ends it)")
        with _interruptible() as interrupted:
            while not interrupted():
                seen = stamps(folder)
                child = _start(folder, listener)
                try:
                    while not interrupted() and child.poll() is None and stamps(folder) == seen:
                        time.sleep(LOOK_S)
                    if child.poll() is not None:
                        say(f"the server ended with status {child.returncode}; change a file")
                        while not interrupted() and stamps(folder) == seen:
                            time.sleep(LOOK_S)
                finally:
                    _stop(child)
                if not interrupted():
                    say(f"loading again: {', '.join(changed(seen, stamps(folder)))}")


def stamps(folder: Path) -> Stamps:
    """Return time of change (ns) and size of each file that may matter, at most `MAX_FILES`."""
    found: Stamps = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in files:
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
        if len(found) > MAX_FILES:
            break
    return found


def changed(before: Stamps, after: Stamps) -> list[str]:
    """Name the files that came, went or changed."""
    paths = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    return sorted(path.name for path in paths)


def _start(folder: Path, listener: socket.socket) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "functions.runtime.local_worker",
            str(folder),
            "--listener-fd",
            str(listener.fileno()),
        ],
        pass_fds=[listener.fileno()],
        # Its Ctrl-C is handled here.
        start_new_session=True,
    )


def _stop(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise AddressUnusable(f"{host}:{port}: {error.strerror}") from error
    with listener:
        yield listener


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Give a question that is answered yes once SIGINT or SIGTERM has come."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: came.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
