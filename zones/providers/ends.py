"""Why a worker ended: a closed set, the same words for every provider."""

from enum import StrEnum
from signal import SIGALRM, SIGKILL, SIGTERM
from typing import Final


class EndReason(StrEnum):
    """What an operator and the function's owner are told.

    Providers give the last seven; who had a worker stopped says whether it was idle or replaced.
    """

    IDLE = "idle"
    """Nobody called it for its idle time."""
    REPLACED = "replaced"
    """Another version of its function took over."""
    MEMORY_LIMIT = "memory-limit"
    RUN_TIME_LIMIT = "run-time-limit"
    """It held the processor for longer than a call may take, and answered nobody meanwhile."""
    PROCESS_LIMIT = "process-limit"
    DISK_LIMIT = "disk-limit"
    CRASHED = "crashed"
    """By itself: it could not start, returned, or a signal of its own doing ended it."""
    KILLED = "killed"
    """By somebody else's signal."""
    STOPPED = "stopped"
    """It was asked to end, or the zone is ending."""


# As functions/runtime/ends.py has them; a test holds the two equal.
_OF_STATUS: Final = {
    81: EndReason.MEMORY_LIMIT,
    82: EndReason.DISK_LIMIT,
}
# What a shell or an engine reports as the status of a process that a signal ended.
_SIGNALLED: Final = 128


def reason_of(
    *, status: int | None, signal: int | None = None, asked: bool, limit: str = ""
) -> EndReason:
    """Name the reason of an end by `status` or `signal`, whichever there was.

    `asked` says whether the provider had told the worker to end, `limit` names the limit that the
    provider's own watch found passed (empty for none): it knows better than any status.
    """
    if limit:
        return EndReason(limit)
    if signal is None and status is not None and status > _SIGNALLED:
        signal = status - _SIGNALLED
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    if signal == SIGALRM:
        return EndReason.RUN_TIME_LIMIT
    if asked:
        return EndReason.STOPPED
    if signal in (SIGKILL, SIGTERM):
        return EndReason.KILLED
    return EndReason.CRASHED


def detail_of(*, status: int | None, signal: int | None = None) -> str:
    """Say how the process ended, for a log."""
    return f"exit status {status}" if signal is None else f"signal {signal}"
