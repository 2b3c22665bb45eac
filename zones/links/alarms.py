"""Timers finer than the event loop's milliseconds: one timerfd for everything that is due."""

import asyncio
import ctypes
import heapq
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
SLACK_S = 50e-6
"""What is due so soon is due now: waking up takes as long."""
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


def now() -> float:
    """The instant that models are told: uvloop's own is of its last turn, in milliseconds."""
    return time.monotonic()


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


@dataclass(slots=True)
class Alarm:
    """A call that is to come; `cancel` makes it none."""

    call: Callable[[], None] | None

    def cancel(self) -> None:
        """Do not call; a second time changes nothing."""
        self.call = None


class Alarms:
    """Calls at instants of `now`, on the running loop; to be closed."""

    def __init__(self) -> None:
        """Open the timer; OSError when the kernel has none left."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.timerfd_create(CLOCK_MONOTONIC, _FLAGS))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._ring)
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Alarm]] = []
        self._armed_for = float("inf")

    def at(self, instant: float, call: Callable[[], None]) -> Alarm:
        """Call at `instant`, or at once on the loop's next turn when that is past."""
        alarm = Alarm(call)
        heapq.heappush(self._waiting, (instant, next(self._numbers), alarm))
        if instant < self._armed_for:
            self._arm()
        return alarm

    def close(self) -> None:
        """Forget everything; a second call does nothing."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        self._waiting.clear()

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        self._armed_for = float("inf")
        until = now() + SLACK_S
        due = []
        while self._waiting and self._waiting[0][0] <= until:
            due.append(heapq.heappop(self._waiting)[2])
        for alarm in due:
            if alarm.call is not None:
                alarm.call()
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the first alarm that is still wanted."""
        while self._waiting and self._waiting[0][2].call is None:
            heapq.heappop(self._waiting)
        if self._fd < 0 or not self._waiting or self._waiting[0][0] == self._armed_for:
            return
        self._armed_for = self._waiting[0][0]
        # Zero would switch the timer off.
        nanoseconds = max(1, round(self._armed_for * 1e9))
        spec = _TimerSpec(value=_TimeSpec(*divmod(nanoseconds, 1_000_000_000)))
        self._checked(
            self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None)
        )

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
