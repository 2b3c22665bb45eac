"""A link's cap in bits a second: a token bucket over the bytes that were really sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CapRule:
    """`bits_per_s` None is no cap. Up to `burst_s` of it may be saved up while nothing is sent.

    Urgent traffic may draw on the next `urgent_ahead_s`, which everything else then waits for.
    """

    bits_per_s: float | None
    burst_s: float = 0.25
    urgent_ahead_s: float = 5.0


class LinkCap:
    """Instants are seconds of a monotonic clock; a batch is sent whole, so the bucket may owe."""

    def __init__(self, rule: CapRule, *, now_s: float) -> None:
        self._rule = rule
        self._bytes_per_s = (rule.bits_per_s or 0.0) / 8
        self._tokens = self._bytes_per_s * rule.burst_s
        self._as_of_s = now_s
        self._held_since_s: float | None = None
        self.waits = 0
        """How often something was due that had to wait for the cap."""
        self.waited_s = 0.0

    @property
    def bits_per_s(self) -> float | None:
        """The cap; None for none."""
        return self._rule.bits_per_s

    def open_at_s(self, *, urgent: bool) -> float:
        """The instant from which something may be sent, which may have passed."""
        if self._rule.bits_per_s is None:
            return float("-inf")
        ahead_s = self._rule.urgent_ahead_s if urgent else 0.0
        return self._as_of_s - self._tokens / self._bytes_per_s - ahead_s

    def spend(self, size: int, *, now_s: float) -> None:
        """Note that `size` bytes are sent."""
        if self._rule.bits_per_s is None:
            return
        full = self._bytes_per_s * self._rule.burst_s
        gained = (now_s - self._as_of_s) * self._bytes_per_s
        self._tokens = min(full, self._tokens + gained) - size
        self._as_of_s = now_s

    def held(self, *, now_s: float) -> None:
        """Something is due and has to wait for the cap."""
        if self._held_since_s is None:
            self._held_since_s = now_s
            self.waits += 1

    def let_go(self, *, now_s: float) -> None:
        """What had to wait goes."""
        if self._held_since_s is not None:
            self.waited_s += max(0.0, now_s - self._held_since_s)
            self._held_since_s = None

    def batch_bytes(self, most: int, *, hold_s: float, least: int = 4096) -> int:
        """Payload bytes of a batch that holds up the link for about `hold_s`, at most `most`."""
        if self._rule.bits_per_s is None:
            return most
        return max(min(most, least), min(most, int(self._bytes_per_s * hold_s)))
