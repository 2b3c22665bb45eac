"""When Python looks for cycles of garbage in a worker: calls leave hardly any behind."""

import ctypes
import gc
import os
from pathlib import Path
from typing import Final

RARELY: Final = (20_000, 20, 20)
"""Python's own first threshold is 700 objects: a fleet's answer meets it hundreds of times."""
SHARE_OF_LIMIT: Final = 8
NO_LIMIT_MB: Final = 512
_STATM: Final = Path("/proc/self/statm")
# glibc's; another C library gives memory back by itself, or not at all.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


class GrowthLook:
    """Looks for cycles once memory grew: a few objects can hold many large bodies.

    `look` is for once a second. It looks when the process is larger by an eighth of its limit of
    `memory_mb` (0: it has none) than it has been since it last looked, and gives back what came
    free: kept, it would fill with garbage again without any growth.
    """

    def __init__(self, *, memory_mb: int) -> None:
        self._growth = ((memory_mb or NO_LIMIT_MB) << 20) // SHARE_OF_LIMIT
        self._least = resident_bytes()

    def look(self) -> bool:
        """Return whether it looked."""
        now = resident_bytes()
        self._least = min(self._least, now)
        if now - self._least < self._growth:
            return False
        gc.collect()
        if _trim is not None:
            _trim(0)
        self._least = resident_bytes()
        return True


def resident_bytes() -> int:
    """The memory of this process that is there, shared pages included."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
