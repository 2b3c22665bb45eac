"""CPU seconds that named groups of processes have used so far."""

from collections.abc import Iterable, Mapping

import psutil

Groups = Mapping[str, Iterable[psutil.Process]]


def with_children(pid: int) -> list[psutil.Process]:
    """Return the process and all that descend from it now."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(groups: Groups) -> dict[str, float]:
    """Return user and system seconds of each group; a process that has ended counts for nothing."""
    return {name: sum(_of(one) for one in processes) for name, processes in groups.items()}


def used_since(before: Mapping[str, float], groups: Groups) -> dict[str, float]:
    """Return what each group has used since `before`, rounded to a tenth of a millisecond."""
    now = cpu_seconds(groups)
    return {name: round(seconds - before[name], 4) for name, seconds in now.items()}


def _of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
