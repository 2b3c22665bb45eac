"""The exit statuses by which a worker says which limit it met; others end it from outside."""

from enum import IntEnum


class WorkerExit(IntEnum):
    """Statuses that no shell and no sysexits.h uses; agents read them (zones/providers/ends.py)."""

    MEMORY_LIMIT = 81
    DISK_LIMIT = 82
