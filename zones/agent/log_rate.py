"""How much a function may write to its log: a token bucket of bytes."""

from typing import Final

BYTES_PER_S: Final = 128 * 1024
BURST_BYTES: Final = 2 * 1024 * 1024


class LogRate:
    """`dropped` counts the bytes that were refused, until somebody sets it back."""

    def __init__(self, *, bytes_per_s: float = BYTES_PER_S, burst: float = BURST_BYTES) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst = burst
        self._left = burst
        self._at = 0.0
        self.dropped = 0

    def takes(self, size: int, *, now: float) -> bool:
        """Whether `size` bytes at `now` (monotonic seconds) are within the rate."""
        self._left = min(self._burst, self._left + (now - self._at) * self._bytes_per_s)
        self._at = now
        if size > self._left:
            self.dropped += size
            return False
        self._left -= size
        return True
