"""One direction of one path, shared by all connections: when bytes arrive, and what was carried."""

from dataclasses import dataclass
from random import Random

from zones.links.loss_stalls import SEGMENT_BYTES, LossStalls, segments_of
from zones.links.medium import Line
from zones.links.token_bucket import TokenBucket

LONGEST_PIECE_BYTES = 64 * 1024
PIECE_S = 0.01


@dataclass(slots=True)
class Carried:
    """Payload bytes put on the path, and those that it lost by failing. Segments are derived."""

    bytes: int = 0
    lost_bytes: int = 0
    segments: int = 0
    resent: int = 0


class Draws:
    """The random sources of one direction of one connection: the same seed, the same course."""

    def __init__(self, seed: str) -> None:
        self.jitter = Random(f"{seed}/jitter")
        self.losses = LossStalls(Random(f"{seed}/loss"))


class Lane:
    """Delay, jitter, rate and loss of a direction; one queue, no drops."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.carried = Carried()
        self._bucket = TokenBucket(rate_bps=_rate_bps(line))

    @property
    def delay_s(self) -> float:
        """One way, without queue and jitter."""
        return self.line.delay_ms / 1e3

    @property
    def piece_bytes(self) -> int:
        """Into how small pieces a chunk is cut, so that it does not arrive all at its end."""
        rate_bps = _rate_bps(self.line)
        if rate_bps is None:
            return LONGEST_PIECE_BYTES
        return max(SEGMENT_BYTES, min(LONGEST_PIECE_BYTES, int(rate_bps * PIECE_S / 8)))

    def change(self, line: Line) -> None:
        """Go on with other figures; what is on the way arrives as it was sent."""
        self.line = line
        self._bucket.change(rate_bps=_rate_bps(line))

    def carry(self, now: float, size: int, *, draws: Draws, round_trip_s: float) -> float:
        """Put `size` bytes on the path at `now`; return when they arrive."""
        segments = segments_of(size)
        repair = draws.losses.repair(
            segments=segments, loss=self.line.loss, round_trip_s=round_trip_s
        )
        departed = self._bucket.depart(now, size)
        if repair.resent:
            self._bucket.depart(now, repair.resent * SEGMENT_BYTES)
        self.carried.bytes += size
        self.carried.segments += segments
        self.carried.resent += repair.resent
        jitter_ms = self.line.jitter_ms
        if jitter_ms:
            jitter_ms *= 2 * draws.jitter.random() - 1
        return departed + repair.stall_s + (self.line.delay_ms + jitter_ms) / 1e3


def _rate_bps(line: Line) -> float | None:
    return None if line.rate_mbps is None else line.rate_mbps * 1e6
