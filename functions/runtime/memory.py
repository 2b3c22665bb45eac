"""The memory that a worker's process has, and how it gives back what came free."""

import ctypes
import os
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")
# glibc's; another C library gives memory back by itself, or not at all.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def resident_bytes() -> int:
    """The memory of this process that is there, shared pages included."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """Give pages that are free in the middle of the heap back to the machine.

    Freed memory goes back by itself only from the heap's end, and what outlives a large piece of
    work, however small, may stand there.
    """
    if _trim is not None:
        _trim(0)
