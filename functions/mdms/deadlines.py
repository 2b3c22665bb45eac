"""The ends of many waits, looked at together: a timer each would cost as much as the wait."""

import asyncio
from typing import Any, Final

from functions.mdms.problems import DeadlineExceeded

SWEEP_S: Final = 0.05
"""A wait ends at most this much after its deadline."""


class Deadlines:
    """Ends futures whose time is over with `DeadlineExceeded`."""

    def __init__(self, waited_for: str) -> None:
        """`waited_for` is what the caller is told."""
        self._waited_for = waited_for
        self._due: list[tuple[asyncio.Future[Any], float, float]] = []
        self._sweeping = False

    def watch(self, waiting: asyncio.Future[Any], *, left_s: float) -> None:
        """End `waiting` after `left_s` unless it is done by then."""
        loop = waiting.get_loop()
        # Those that are done go with the next look: a callback each would cost more.
        self._due.append((waiting, loop.time() + left_s, left_s))
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._due = [one for one in self._due if not one[0].done()]
        for waiting, due, left_s in self._due:
            if due <= now:
                waiting.set_exception(DeadlineExceeded(left_s, self._waited_for))
        self._sweeping = bool(self._due)
        if self._sweeping:
            loop.call_later(SWEEP_S, self._sweep, loop)
