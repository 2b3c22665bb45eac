"""How fast turns of validation follow one another: streams together, a backlog at once."""

import asyncio
from typing import Final

from functions.mdms.arrival_stream import ArrivalStream

LEAST_REST_S: Final = 0.02
QUIET_S: Final = 0.1
"""What arrives without such a pause is a stream: its instants are better judged together."""


class TurnPace:
    """Rests before a turn while readings stream in, unless a whole turn of them waits already."""

    def __init__(self, *, rest_s: float, idle_s: float) -> None:
        """Rest for `rest_s` at most; without anything that arrives the next turn is in `idle_s`."""
        self._rest_s = max(rest_s, LEAST_REST_S)
        self._idle_s = idle_s
        self._stream = ArrivalStream()

    def arrived(self) -> None:
        """Something to validate came."""
        self._stream.arrived()

    async def next(self, *, worked: bool, more_waits: bool) -> None:
        """Return when it is time: the turn before `worked`, or did not; `more_waits` behind it."""
        if worked:
            await asyncio.sleep(LEAST_REST_S)
        else:
            await self._stream.next(within_s=self._idle_s)
        if not more_waits:
            quiet_s = min(QUIET_S, self._rest_s)
            await self._stream.pauses(quiet_s=quiet_s, longest_s=self._rest_s)
