"""The rate of a path: a token bucket, as the instant at which a chunk has been put on the line."""


class TokenBucket:
    """One FIFO queue for all connections that share the path; instants are the caller's, in s.

    The generic cell rate algorithm (ITU-T I.371): one instant says how far the line is booked.
    """

    def __init__(self, *, rate_bps: float | None, burst_bytes: int = 0) -> None:
        """A rate of None lets everything through at once; a burst may go ahead of the rate."""
        self._rate_bps = rate_bps
        self._burst_bytes = burst_bytes
        self._booked_until = float("-inf")

    def depart(self, now: float, size: int) -> float:
        """Book `size` bytes and return when their last bit has left."""
        if self._rate_bps is None:
            return now
        ahead_s = 8 * self._burst_bytes / self._rate_bps
        self._booked_until = max(self._booked_until, now - ahead_s) + 8 * size / self._rate_bps
        return max(now, self._booked_until)

    def change(self, *, rate_bps: float | None) -> None:
        """Go on at another rate; what is booked already stays booked."""
        self._rate_bps = rate_bps
