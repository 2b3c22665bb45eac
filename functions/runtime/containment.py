"""What holds a tenant's own code: control groups, a read-only disk, refused system calls."""

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from functions.runtime.cgroups import Cgroups, Limits, find_cgroups
from functions.runtime.config import WorkerConfig
from functions.runtime.confine import limit_resources
from functions.runtime.private_root import PrivateRootUnavailable, enter_private_root
from functions.runtime.seccomp import SeccompUnavailable, SyscallFilter, compile_filter

MAX_OPEN_FILES: Final = 4096
# What the runtime itself takes of its group: copies of inherited pages that it writes to.
OWN_MEMORY_MB: Final = 32
OWN_TASKS: Final = 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """How a worker is held: in groups of its own, and with one writable folder (or None)."""

    grouped: bool
    disk: Path | None


class Containment:
    """What this machine offers, found once; None where it does not."""

    def __init__(
        self, *, cgroups: Cgroups | None, calls: SyscallFilter | None, read_only: bool
    ) -> None:
        """`read_only` says whether this process may give a worker mounts of its own."""
        self.cgroups = cgroups
        self._read_only = read_only
        self._calls = calls
        self._root = os.geteuid() == 0

    @property
    def description(self) -> str:
        """What there is, in words for an operator."""
        parts = ["uid per tenant" if self._root else "none (not root)"]
        if self.cgroups is None:
            parts.append("no control groups: limits by process only")
        else:
            parts.append(
                f"control groups v{self.cgroups.version} ({', '.join(self.cgroups.controllers)})"
            )
        parts.append("read-only disk" if self._read_only else "the disk as it is")
        parts.append("no seccomp" if self._calls is None else "seccomp")
        return "; ".join(parts)

    def hold(self, config: WorkerConfig, *, name: str) -> Held:
        """Bound the memory, tasks, processor and disk of this process, before it drops root.

        Services of the platform get a bound on memory alone: their code is the platform's.
        `name` names the worker's group.

        Raises:
            OSError, ConfinementError: the kernel refused what it should have allowed.
        """
        if config.folder is None:
            limit_resources(memory_mb=config.memory_mb)
            return Held(grouped=False, disk=None)
        grouped = self._group(config, name=name)
        disk = self._disk(config)
        limit_resources(
            memory_mb=config.memory_mb,
            disk_mb=config.disk_mb,
            files=MAX_OPEN_FILES,
            # It counts all tasks of the uid, in every worker and zone of the tenant's here; of an
            # ordinary user's it would count what has nothing to do with the platform.
            processes=0 if grouped or config.uid is None else 4 * config.pids,
        )
        return Held(grouped=grouped, disk=disk)

    def refuse_calls(self) -> None:
        """Refuse system calls from here on, where there is a filter; needs no-new-privs.

        Raises:
            SeccompUnavailable: there is a filter, and the kernel does not take it.
        """
        if self._calls is not None:
            self._calls.apply()

    def _group(self, config: WorkerConfig, *, name: str) -> bool:
        if self.cgroups is None or config.uid is None:
            return False
        limits = Limits(
            # What lies on its disk is memory, too.
            memory_mb=config.memory_mb + config.disk_mb + OWN_MEMORY_MB,
            pids=config.pids + OWN_TASKS,
            cpu=config.cpu,
        )
        self.cgroups.enter(name, limits)
        return "pids" in self.cgroups.controllers

    def _disk(self, config: WorkerConfig) -> Path | None:
        if config.uid is None or config.gid is None or not self._read_only:
            return None
        named = (config.folder, config.env, config.socket, config.redis_url, config.database_url)
        try:
            return enter_private_root(
                disk_mb=config.disk_mb,
                uid=config.uid,
                gid=config.gid,
                used=[text for text in named if text],
            )
        except PrivateRootUnavailable as error:
            logger.warning("this worker's disk is not bounded: %s", error)
            return None


def find_containment() -> Containment:
    """Find out what this machine offers; what it lacks is logged, once."""
    root = os.geteuid() == 0
    cgroups = find_cgroups() if root else None
    read_only = root and _may_mount()
    calls: SyscallFilter | None = None
    try:
        calls = compile_filter()
    except SeccompUnavailable as error:
        logger.warning("system calls are not filtered: %s", error)
    found = Containment(cgroups=cgroups, calls=calls, read_only=read_only)
    logger.info("tenants' functions are held by: %s", found.description)
    return found


def _may_mount() -> bool:
    """Try it in a child: root in a container may often not."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            enter_private_root(disk_mb=1, uid=0, gid=0, used=[])
            status = 0
        except PrivateRootUnavailable as error:
            logger.warning("workers' disks are not bounded: %s", error)
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def use_disk(disk: Path | None) -> None:
    """Make `disk` the place of temporary files and of HOME; None leaves them as they are."""
    if disk is not None:
        os.environ["TMPDIR"] = os.environ["HOME"] = str(disk)
        tempfile.tempdir = None
