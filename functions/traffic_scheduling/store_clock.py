"""The store's clock, by which entries are born, without asking for it each time."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

ASK_EVERY_S: Final = 1.0


class StoreClock:
    """Goes on from the store's last answer by a clock of its own, for `ASK_EVERY_S`."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[float]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` gives the store's clock in milliseconds, `monotonic` seconds that never go back."""
        self._ask = ask
        self._monotonic = monotonic
        self._ahead_ms = 0.0
        self._ask_at_s = float("-inf")

    async def now_ms(self) -> float:
        """Milliseconds since 1970, as the store counts them.

        Raises:
            StoreUnavailable: it had to be asked and does not answer.
        """
        if self._monotonic() >= self._ask_at_s:
            answer_ms = await self._ask()
            now_s = self._monotonic()
            self._ahead_ms = answer_ms - now_s * 1e3
            self._ask_at_s = now_s + ASK_EVERY_S
        return self._monotonic() * 1e3 + self._ahead_ms
