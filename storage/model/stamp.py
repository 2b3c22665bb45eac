"""The stamp that an edge gives to what it acknowledges: the order between versions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Order of acknowledgement, compared by sequence first, then by edge name.

    `sequence` is a hybrid logical clock in microseconds since 1970, drawn by the edge's store:
    the larger of its last sequence + 1 and its clock. So it never repeats within an edge, goes
    on rising after a restore from an old backup, and orders two edges by their synchronised
    clocks, the edge's name deciding a tie.
    """

    sequence: int
    edge: str
