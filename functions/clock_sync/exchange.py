"""The four-timestamp exchange: what a client learns of its clock from one question."""

from dataclasses import dataclass
from typing import Final

PRECISION_US: Final = 1
"""Timestamps are whole microseconds."""


class ImpossibleExchange(ValueError):
    """Timestamps that no exchange can have: a clock was set in the middle of it, or is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One exchange, all in microseconds; `at_us` is when it ended, by the client's steady clock.

    `offset_us` is to be added to the client's clock. `root_delay_us` and `root_dispersion_us` are
    what the server said of its own way to the source of time.
    """

    at_us: int
    offset_us: int
    delay_us: int
    dispersion_us: float
    root_delay_us: int = 0
    root_dispersion_us: float = 0.0

    def distance_us(self, *, now_us: int, tolerance_ppm: float) -> float:
        """Return how far from the source's time a clock set by this sample may be at `now_us`.

        RFC 5905 section 10: half the delay, plus the dispersion, which grows with age at the
        rate that the client's clock may be wrong by. Here the server's own share is included.
        """
        aged_us = (now_us - self.at_us) * tolerance_ppm / 1e6
        own_us = self.delay_us / 2 + self.dispersion_us + max(aged_us, 0.0)
        return own_us + self.root_delay_us / 2 + self.root_dispersion_us


def sample_of(
    *,
    t1: int,
    t2: int,
    t3: int,
    t4: int,
    tolerance_ppm: float,
    root_delay_us: int = 0,
    root_dispersion_us: float = 0.0,
) -> Sample:
    """Compute a sample from the four timestamps (RFC 5905 section 8), in microseconds.

    The client sent at `t1` and had the answer at `t4` of its clock; the server received at `t2`
    and sent at `t3` of its own.

    Raises:
        ImpossibleExchange: an answer before its question, or a way of negative length.
    """
    if t4 < t1 or t3 < t2:
        raise ImpossibleExchange("a clock went back during the exchange")
    # What the clocks may have gone apart by in the meantime counts as error, not as delay.
    dispersion_us = 2 * PRECISION_US + (t4 - t1) * tolerance_ppm / 1e6
    delay_us = (t4 - t1) - (t3 - t2)
    if delay_us < -dispersion_us:
        raise ImpossibleExchange(f"the server kept the question {-delay_us} us too long")
    return Sample(
        at_us=t4,
        offset_us=((t2 - t1) + (t3 - t4)) // 2,
        delay_us=max(delay_us, PRECISION_US),
        dispersion_us=dispersion_us,
        root_delay_us=root_delay_us,
        root_dispersion_us=root_dispersion_us,
    )
