"""When Python looks for cycles of garbage in a worker: calls leave hardly any behind."""

import gc
from typing import Final

from functions.runtime.memory import give_back, resident_bytes

RARELY: Final = (20_000, 20, 20)
"""Python's own first threshold is 700 objects: a fleet's answer meets it hundreds of times."""
SHARE_OF_LIMIT: Final = 8
NO_LIMIT_MB: Final = 512


class GrowthLook:
    """Looks for cycles once memory grew: a few objects can hold many large bodies.

    `look` is for once a second. It looks when the process is larger by an eighth of its limit of
    `memory_mb` (0: it has none) than it has been since it last looked, and gives back what came
    free: kept, it would fill with garbage again without any growth.
    """

    def __init__(self, *, memory_mb: int) -> None:
        self._growth = ((memory_mb or NO_LIMIT_MB) << 20) // SHARE_OF_LIMIT
        self._least = resident_bytes()

    def look(self) -> bool:
        """Return whether it looked."""
        now = resident_bytes()
        self._least = min(self._least, now)
        if now - self._least < self._growth:
            return False
        gc.collect()
        give_back()
        self._least = resident_bytes()
        return True
