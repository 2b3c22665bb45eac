"""What an intruder finds from inside a container: deployed as a function, or run by itself.

Takes {"addresses": ["host:port", ...]} and answers with what could be reached, seen and written.
Nothing but the standard library: it runs where nothing of the tests is.
"""

import contextlib
import errno
import json
import os
import selectors
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 2.0
NOT_FILES = {"/proc", "/sys", "/dev"}
KEPT = ["/run/secrets", "/secrets", "/var/lib/gridfaas", "/var/lib/gateway"]
FOLDERS = ("/", "/app", "/etc", "/run", "/run/gridfaas", "/run/store", "/run/spawner", "/var/lib")
# Folders that can be passed but not listed hide nothing from who knows the names.
KNOWN = ("/run/gridfaas/gateway", "/run/gridfaas/channel", "/run/spawner/spawner.sock")
ENGINE = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")


async def handle(event: Any, context: Any) -> dict[str, Any]:
    """Look around as a tenant's function."""
    return look_around(event.json()["addresses"])


def look_around(addresses: list[str]) -> dict[str, Any]:
    """Return what this process can do; it leaves nothing behind."""
    status = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":\t" in line
    )
    sockets = sorted({*found_sockets(), *(path for path in KNOWN if os.path.exists(path))})
    return {
        "uid": os.getuid(),
        "capabilities": status["CapBnd"],
        "no_new_privileges": status["NoNewPrivs"],
        "system_calls": status["Seccomp"],
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "reached": reached(addresses),
        "sockets": sockets,
        "connected": [path for path in sockets if connected(path)],
        "engine": [path for path in ENGINE if Path(path).exists()],
        "said": {path: said(path) for path in sockets if path.endswith("redis.sock")},
        "functions": listed("/var/lib/gridfaas/functions"),
        "files": sorted(str(path) for path in found(KEPT)),
        "written": [folder for folder in FOLDERS if written(folder)],
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    }


def reached(addresses: list[str]) -> list[str]:
    """Return where, of host:port, something listens and takes a connection; all tried at once."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for address in addresses:
            host, _, port = address.rpartition(":")
            line = stack.enter_context(socket.socket())
            line.setblocking(False)
            if line.connect_ex((host, int(port))) in (0, errno.EINPROGRESS):
                waiting.register(line, selectors.EVENT_WRITE, (line, address))
        open_to_us = []
        end = time.monotonic() + PATIENCE_S
        while waiting.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                line, address = key.data
                waiting.unregister(line)
                if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    open_to_us.append(address)
    return sorted(open_to_us)


def found_sockets() -> Iterator[str]:
    """Every unix socket of the file system that can be seen."""
    for folder, folders, files in os.walk("/", onerror=None):
        if folder == "/":
            folders[:] = [name for name in folders if f"/{name}" not in NOT_FILES]
        for name in files:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    yield path


def connected(path: str) -> bool:
    """Whether a unix socket of either kind takes a connection."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as line, contextlib.suppress(OSError):
            line.settimeout(PATIENCE_S)
            line.connect(path)
            return True
    return False


def said(path: str) -> str:
    """What a Redis answers somebody without a login who wants a neighbour's keys."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        line.connect(path)
        line.sendall(b"SCAN 0\r\n")
        return line.recv(100).decode()


def found(folders: list[str]) -> Iterator[Path]:
    """Every file below that can be read."""
    for top in folders:
        for folder, _, files in os.walk(top):
            for name in files:
                path = Path(folder, name)
                if os.access(path, os.R_OK) and path.is_file():
                    yield path


def listed(folder: str) -> list[str]:
    """Names in a folder; none if it cannot be listed."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def written(folder: str) -> bool:
    """Whether a file can be made there."""
    path = Path(folder, "intruder")
    try:
        path.touch()
    except OSError:
        return False
    path.unlink()
    return True


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look_around(sys.argv[1:])) + "\n")
