"""The stamp that an edge gives to what it acknowledges: the order between versions."""

import re
from dataclasses import dataclass
from typing import Final

EPOCH_MARK: Final = "#"
"""Stands in an edge's name between the zone, whose name cannot hold it, and the epoch."""


_EDGE: Final = re.compile(r"([a-z0-9-]{1,40})(?:#[0-9]{1,20})?")


def zone_of_edge(edge: str) -> str | None:
    """Return the zone that an edge is in, None when the text is no edge's name.

    An edge of an older version has no epoch.
    """
    found = _EDGE.fullmatch(edge)
    return None if found is None else found[1]


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Order of acknowledgement, compared by sequence first, then by edge name.

    `sequence` is a hybrid logical clock in microseconds since 1970, drawn by the edge's store:
    the larger of its last sequence + 1 and its clock. So it rises within an edge, and orders two
    edges by their synchronised clocks, the edge's name deciding a tie.

    `edge` is `zone#epoch`: a store that lost its last sequence is another edge of its zone.
    """

    sequence: int
    edge: str
