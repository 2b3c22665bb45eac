"""Waiting until servers rest: what one measurement left to do must not slow the next."""

import time
from collections.abc import Callable
from typing import Final

from deploy.benchmarks.cpu_seconds import Groups, cpu_seconds

LOOK_S: Final = 0.25
BUSY_SHARE: Final = 0.05
LONGEST_S: Final = 20.0


def wait_for_rest(groups: Callable[[], Groups], *, longest_s: float = LONGEST_S) -> float:
    """Return when the processes use less than a twentieth of a core; the seconds that it took.

    Vacuum, checkpoints and the rewriting of a log go on after the last answer. `groups` names the
    processes anew each time, since such work has processes of its own. After `longest_s` the
    measurement goes on as it is.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < longest_s:
        now = groups()
        before = cpu_seconds(now)
        time.sleep(LOOK_S)
        used = sum(cpu_seconds(now).values()) - sum(before.values())
        if used < BUSY_SHARE * LOOK_S:
            break
    return waited
