"""What a worker gives up before it runs a function: descriptors, privileges, memory, its name."""

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Collection
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

_MIB = 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class ConfinementError(Exception):
    """The kernel refused a step; the worker must not run the function."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies.

    The kernel forgets this at a fork and at a change of uid: call it again after both.

    Raises:
        ConfinementError: `parent` is no longer the parent, so the signal would never come.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ConfinementError(f"process {parent} is gone")


def take_name(name: str) -> None:
    """Show `name` (15 bytes at most count) in ps and top instead of the zygote's."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _prctl(_PR_SET_NAME, ctypes.addressof(buffer))


def close_descriptors(keep: Collection[int]) -> None:
    """Close every descriptor above stderr that is not in `keep`."""
    with os.scandir("/proc/self/fd") as entries:
        held = [int(entry.name) for entry in entries]
    for descriptor in held:
        if descriptor > 2 and descriptor not in keep:
            # The listing's own descriptor is among them and closed by now.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def limit_resources(
    *, memory_mb: int, disk_mb: int = 0, files: int = 0, processes: int = 0
) -> None:
    """Allow `memory_mb` MiB of private memory beyond what was inherited, and no core dump.

    A file may grow to `disk_mb` MiB, `files` be open at a time, and the uid have `processes`
    tasks; 0 leaves each as it is. RLIMIT_DATA counts private writable memory only, so that
    reserved address space (numpy, malloc arenas) costs nothing; past it, allocations raise
    MemoryError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, limit in (
        (resource.RLIMIT_FSIZE, disk_mb * _MIB),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_NPROC, processes),
    ):
        hard = resource.getrlimit(kind)[1]
        if limit:
            allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(kind, (allowed, allowed))
    if memory_mb:
        ceiling = _private_bytes() + memory_mb * _MIB
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))


def gain_no_privileges() -> None:
    """Have no program that this process or its children start gain privileges (set-uid files)."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_privileges(*, uid: int, gid: int) -> None:
    """Become `uid` and `gid` for good, with no supplementary groups.

    Raises:
        ConfinementError: the process can still become root again.
        PermissionError: the process is not root.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    with contextlib.suppress(PermissionError):
        os.setuid(0)
        raise ConfinementError("root can be had again after the drop")
    # Libraries look for dot files in HOME; root's is closed to this uid and would raise.
    os.environ["HOME"] = "/nonexistent"


def thread_count() -> int:
    """Count the threads of this process, those of native libraries included."""
    with os.scandir("/proc/self/task") as entries:
        return sum(1 for _ in entries)


def _private_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise ConfinementError("/proc/self/status has no VmData")


def _prctl(option: int, argument: int) -> None:
    result = _libc.prctl(
        ctypes.c_int(option),
        ctypes.c_ulong(argument),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    if result != 0:
        raise ConfinementError(f"prctl({option}): {os.strerror(ctypes.get_errno())}")
