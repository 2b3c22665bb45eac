"""Ends a worker whose code keeps the event loop from turning: an endless loop answers nobody."""

import asyncio
import signal
from typing import Final

RENEW_S: Final = 1.0
GRACE_S: Final = 1.0


class RunTimeGuard:
    """A timer of the kernel that the event loop renews; it ends the process by SIGALRM.

    A loop that does not turn for the run time of one call has no call left that could succeed.
    """

    def __init__(self, timeout_s: float) -> None:
        self._after_s = timeout_s + RENEW_S + GRACE_S
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop until `stop`."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._renew()

    def stop(self) -> None:
        """Watch no longer."""
        if self._next is not None:
            self._next.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _renew(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._after_s)
        self._next = asyncio.get_running_loop().call_later(RENEW_S, self._renew)
