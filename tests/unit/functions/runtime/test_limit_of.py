import errno

import pytest

from functions.runtime.counted import limit_of
from functions.runtime.ends import WorkerExit
from zones.providers.ends import EndReason, reason_of


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        pytest.param(MemoryError(), WorkerExit.MEMORY_LIMIT, id="no_memory"),
        pytest.param(OSError(errno.ENOSPC, "full"), WorkerExit.DISK_LIMIT, id="disk_full"),
        pytest.param(OSError(errno.EFBIG, "big"), WorkerExit.DISK_LIMIT, id="file_too_big"),
        pytest.param(
            caused(ValueError("x"), MemoryError()), WorkerExit.MEMORY_LIMIT, id="behind_another"
        ),
        pytest.param(OSError(errno.ENOENT, "none"), None, id="another_error_of_the_disk"),
        pytest.param(ValueError("x"), None, id="any_other"),
    ],
)
def test_limits_in_errors(error: Exception, limit: WorkerExit | None) -> None:
    assert limit_of(error) is limit


@pytest.mark.parametrize("status", list(WorkerExit))
def test_agents_read_the_statuses_that_workers_end_with(status: WorkerExit) -> None:
    reason = reason_of(status=status.value, asked=True)

    assert reason is EndReason[status.name]


@pytest.mark.parametrize(
    ("status", "signal", "asked", "limit", "reason"),
    [
        pytest.param(0, None, True, "", EndReason.STOPPED, id="drained"),
        pytest.param(None, 9, True, "", EndReason.STOPPED, id="killed_after_it_was_asked"),
        pytest.param(None, 9, False, "", EndReason.KILLED, id="killed_by_another"),
        pytest.param(None, 9, False, "memory-limit", EndReason.MEMORY_LIMIT, id="out_of_memory"),
        pytest.param(None, 14, False, "", EndReason.RUN_TIME_LIMIT, id="alarm"),
        pytest.param(142, None, False, "", EndReason.RUN_TIME_LIMIT, id="alarm_in_a_container"),
        pytest.param(None, 11, False, "", EndReason.CRASHED, id="segmentation_fault"),
        pytest.param(70, None, False, "", EndReason.CRASHED, id="could_not_start"),
        pytest.param(0, None, False, "", EndReason.CRASHED, id="returned_by_itself"),
    ],
)
def test_reasons(
    status: int | None, signal: int | None, asked: bool, limit: str, reason: EndReason
) -> None:
    assert reason_of(status=status, signal=signal, asked=asked, limit=limit) is reason
