"""Limits on a worker and everything it starts, by control groups (v1 and v2), where writable."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

CONTROLLERS: Final = ("memory", "pids", "cpu")
_PREFIX: Final = "gridfaas-"
_PERIOD_US: Final = 100_000
_MIB: Final = 1024 * 1024

Passed = Literal["", "memory-limit", "process-limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one worker may have: memory in MiB, tasks (processes and threads), cores."""

    memory_mb: int
    pids: int
    cpu: float


class Cgroups:
    """The folders in which this process may make groups, by controller."""

    def __init__(self, *, version: int, folders: dict[str, Path]) -> None:
        """`folders` map each controller that there is to its parent folder; see `find_cgroups`."""
        self.version = version
        self.controllers = tuple(folders)
        self._folders = folders

    def enter(self, name: str, limits: Limits) -> None:
        """Make the group `name`, set its limits and move this process, of one thread, into it.

        Raises:
            OSError: the kernel refused.
        """
        for folder in self._of(name):
            folder.mkdir(exist_ok=True)
        # Swap first: a limit of both may not be below that of memory alone.
        for controller, file, value in self._settings(limits):
            folder = self._folders[controller] / name
            if (folder / file).exists():
                (folder / file).write_text(value)
        # Of this one thread: the kernel then need not wait for every other processor, which takes
        # milliseconds. There is no other thread yet.
        file = "cgroup.procs" if self.version == 2 else "tasks"
        for folder in self._of(name):
            (folder / file).write_text("0")

    def passed(self, name: str) -> Passed:
        """Name the limit that the group has run into since it was made, empty for none."""
        oom = "memory.events" if self.version == 2 else "memory.oom_control"
        if self._count("memory", name, oom, "oom_kill"):
            return "memory-limit"
        if self._count("pids", name, "pids.events", "max"):
            return "process-limit"
        return ""

    def kill(self, name: str) -> None:
        """Have the group start nothing any more, and end everything in it."""
        if "pids" in self._folders:
            with contextlib.suppress(OSError):
                (self._folders["pids"] / name / "pids.max").write_text("0")
        for folder in self._of(name):
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self, name: str) -> bool:
        """Remove an empty group; False while something in it is still ending."""
        for folder in self._of(name):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def close(self) -> None:
        """Remove the parent folders, if they are empty."""
        for folder in set(self._folders.values()):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _of(self, name: str) -> list[Path]:
        return [folder / name for folder in dict.fromkeys(self._folders.values())]

    def _settings(self, limits: Limits) -> list[tuple[str, str, str]]:
        memory = str(limits.memory_mb * _MIB)
        quota = max(1_000, int(limits.cpu * _PERIOD_US))
        if self.version == 2:
            every = [
                ("memory", "memory.max", memory),
                ("memory", "memory.swap.max", "0"),
                ("pids", "pids.max", str(limits.pids)),
                ("cpu", "cpu.max", f"{quota} {_PERIOD_US}"),
            ]
        else:
            every = [
                ("memory", "memory.limit_in_bytes", memory),
                ("memory", "memory.memsw.limit_in_bytes", memory),
                ("pids", "pids.max", str(limits.pids)),
                ("cpu", "cpu.cfs_period_us", str(_PERIOD_US)),
                ("cpu", "cpu.cfs_quota_us", str(quota)),
            ]
        return [one for one in every if one[0] in self._folders]

    def _count(self, controller: str, name: str, file: str, key: str) -> int:
        folder = self._folders.get(controller)
        if folder is None:
            return 0
        try:
            lines = (folder / name / file).read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)


def find_cgroups(*, system: Path = Path("/sys/fs/cgroup")) -> Cgroups | None:
    """Make this process's parent folders where it may; None where it may nowhere.

    Groups are made below the process's own, so that limits set on the whole platform hold. Under
    v2 a group with processes takes no children with limits: then, as root, below the root group.
    Left-overs of processes that are gone are removed.
    """
    own = _own_groups()
    if "" in own and (system / "cgroup.controllers").exists():
        for parent in (system / own[""].lstrip("/"), system / "gridfaas"):
            folder = _v2_folder(parent)
            if folder is not None:
                return Cgroups(version=2, folders=dict.fromkeys(CONTROLLERS, folder))
        return None
    folders: dict[str, Path] = {}
    for controller in CONTROLLERS:
        parent = system / controller / own.get(controller, "/").lstrip("/")
        folder = _folder_in(parent if parent.is_dir() else system / controller)
        if folder is not None:
            folders[controller] = folder
    return Cgroups(version=1, folders=folders) if folders else None


def _own_groups() -> dict[str, str]:
    """This process's group by controller; the empty name is v2's."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        groups.update(dict.fromkeys(names.split(","), path))
    return groups


def _v2_folder(parent: Path) -> Path | None:
    wanted = " ".join(f"+{name}" for name in CONTROLLERS)
    try:
        parent.mkdir(exist_ok=True)
        (parent / "cgroup.subtree_control").write_text(wanted)
        folder = _folder_in(parent)
        if folder is not None:
            (folder / "cgroup.subtree_control").write_text(wanted)
    except OSError:
        return None
    return folder


def _folder_in(parent: Path) -> Path | None:
    folder = parent / f"{_PREFIX}{os.getpid()}"
    try:
        for left in parent.glob(f"{_PREFIX}*"):
            pid = left.name.removeprefix(_PREFIX)
            if pid.isdecimal() and not Path("/proc", pid).exists():
                _remove_tree(left)
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder


def _remove_tree(group: Path) -> None:
    # The files of a group go with its folder.
    with contextlib.suppress(OSError):
        for child in [one for one in group.iterdir() if one.is_dir()]:
            child.rmdir()
        group.rmdir()
