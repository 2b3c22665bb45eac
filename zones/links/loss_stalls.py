"""Loss as a byte stream shows it: no packet is missing, but what follows waits for its repair.

A relay in user space has no packets. It takes a chunk for as many full TCP segments, loses each
with the same probability, and holds the stream up for as long as TCP would need:

- a round trip, when at least three segments of the chunk follow the lost one (fast retransmit,
  RFC 5681; several losses of one chunk are repaired in the same round trip, RFC 6675);
- else the retransmission timeout: the round trip and 200 ms, as Linux takes it on a path with
  little jitter (RFC 6298 asks for at least 1 s);
- a repair that is lost again waits for a timeout, each twice as long as the one before.

What a loss does to a sender's congestion window is not modelled: the rate comes from the path.
"""

import math
from dataclasses import dataclass
from random import Random

SEGMENT_BYTES = 1448
"""Payload of a full segment: 1500 bytes less the headers of IPv4 and TCP with timestamps."""
DUPLICATES = 3
LEAST_TIMEOUT_S = 0.2
MOST_TRIES = 15


@dataclass(frozen=True, slots=True)
class Repair:
    """What the losses of one chunk cost: seconds of stall, and segments sent again."""

    stall_s: float
    resent: int


NOTHING_LOST = Repair(0.0, 0)


def segments_of(size: int) -> int:
    """How many segments carry `size` bytes of payload."""
    return -(-size // SEGMENT_BYTES)


class LossStalls:
    """The losses of one direction of one connection, from a seeded source of its own."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._loss = 0.0
        self._until_loss = 0

    def repair(self, *, segments: int, loss: float, round_trip_s: float) -> Repair:
        """Decide which of the next `segments` are lost, each with probability `loss`."""
        if loss != self._loss:
            self._loss = loss
            self._until_loss = self._gap()
        if loss == 0.0 or self._until_loss >= segments:
            self._until_loss -= segments if loss else 0
            return NOTHING_LOST
        stall_s, resent, at = 0.0, 0, 0
        while self._until_loss < segments - at:
            at += self._until_loss
            one = self._one(following=segments - 1 - at, round_trip_s=round_trip_s)
            stall_s, resent = max(stall_s, one.stall_s), resent + one.resent
            at += 1
            self._until_loss = self._gap()
        self._until_loss -= segments - at
        return Repair(stall_s, resent)

    def _one(self, *, following: int, round_trip_s: float) -> Repair:
        timeout_s = round_trip_s + LEAST_TIMEOUT_S
        stall_s = round_trip_s if following >= DUPLICATES else timeout_s
        tries = 1
        while tries < MOST_TRIES and self._random.random() < self._loss:
            stall_s += timeout_s
            timeout_s *= 2
            tries += 1
        return Repair(stall_s, tries)

    def _gap(self) -> int:
        """How many segments pass before the next loss (geometric); 0: the very next is lost."""
        if self._loss == 0.0:
            return 0
        return int(math.log(1.0 - self._random.random()) / math.log1p(-self._loss))
