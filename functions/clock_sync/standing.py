"""How good a zone's time is, as it tells others."""

from dataclasses import dataclass
from typing import Final

UNSYNCHRONISED: Final = 16
"""The stratum of who does not know the time (RFC 5905)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """At one instant, in microseconds.

    `offset_us` is what the machine's system clock lacks; `delay_us` and `jitter_us` are those of
    the way to `reference`, the zone asked (None at headquarters). The time told is within
    `root_delay_us / 2 + root_dispersion_us` of headquarters'. `heard_us` is when the reference
    last answered, None if never.
    """

    stratum: int
    reference: str | None
    offset_us: int
    delay_us: int
    jitter_us: float
    root_delay_us: int
    root_dispersion_us: float
    heard_us: int | None

    @property
    def synchronised(self) -> bool:
        """Whether the time told may be used."""
        return self.stratum < UNSYNCHRONISED

    @property
    def distance_us(self) -> float:
        """How far from headquarters' time the time told may be."""
        return self.root_delay_us / 2 + self.root_dispersion_us
