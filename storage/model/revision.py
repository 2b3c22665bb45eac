"""A version of a reading that does not count now: replaced, or outranked when it came."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """One version, ordered by the reading that it is of, then by its stamp.

    `at` is seconds since 1970; `interval_s` is 0 for a register read. `sequence` is the moment of
    acknowledgement, in microseconds since 1970 by the clock of `edge`.
    """

    at: int
    interval_s: int
    sequence: int
    edge: str
    value: int
    quality: int
