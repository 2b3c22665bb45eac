"""Telling what arrives alone from what streams in."""

import asyncio
import time


class ArrivalStream:
    """Remembers that something arrived until somebody asked."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()

    def arrived(self) -> None:
        """Something did."""
        self._arrived.set()

    async def next(self, *, within_s: float) -> bool:
        """Wait for what arrives; False when nothing did in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
        except TimeoutError:
            return False
        self._arrived.clear()
        return True

    async def pauses(self, *, quiet_s: float, longest_s: float) -> None:
        """Return when nothing has arrived for `quiet_s`, after `longest_s` all the same."""
        ends = time.monotonic() + longest_s
        while await self.next(within_s=quiet_s) and time.monotonic() < ends:
            pass
