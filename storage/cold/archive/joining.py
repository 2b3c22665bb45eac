"""Two records of one block, as an archived one and what came after it: slot by slot the higher."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, RecordBlock
from storage.model.quality import CLASS_OF_QUALITY


def joined_records(one: RecordBlock, other: RecordBlock) -> RecordBlock:
    """The block that holds what either does; of two values of a slot the one of higher rank.

    Joining again what was joined changes nothing. A value that gives way is counted in the
    winner's revision, and is found in the file that it came from.
    """
    names = tuple(sorted({*one.edges, *other.edges}))
    left, right = one.with_edges(names), other.with_edges(names)
    final = _ranks_above(
        [_class(right), right.sequence, right.edge], [_class(left), left.sequence, left.edge]
    )
    has_left = (left.slots["flags"] & HAS_RAW) != 0
    has_right = (right.slots["flags"] & HAS_RAW) != 0
    raw = has_right & (
        ~has_left
        | _ranks_above([right.raw_sequence, right.raw_edge], [left.raw_sequence, left.raw_edge])
    )
    slots = left.slots.copy()
    for field in ("final", "quality"):
        slots[field] = np.where(final, right.slots[field], left.slots[field])
    slots["raw"] = np.where(raw, right.slots["raw"], left.slots["raw"])
    slots["flags"] = left.slots["flags"] | right.slots["flags"]
    both = left.present & right.present
    differ = both & ((left.sequence != right.sequence) | (left.edge != right.edge))
    revision = [block.slots["revision"].astype(np.int64) for block in (left, right)]
    won, lost = np.where(final, revision[::-1], revision)
    most = np.where(differ, np.maximum(won, lost + 1), np.where(both, np.maximum(won, lost), won))
    slots["revision"] = np.minimum(most, np.iinfo(np.uint16).max)
    return RecordBlock(
        slots=slots,
        sequence=np.where(final, right.sequence, left.sequence),
        edge=np.where(final, right.edge, left.edge),
        raw_sequence=np.where(raw, right.raw_sequence, left.raw_sequence),
        raw_edge=np.where(raw, right.raw_edge, left.raw_edge),
        edges=names,
    )


def _class(block: RecordBlock) -> NDArray[np.int64]:
    """Rank of each slot's class, -1 where there is no value."""
    present = (block.slots["flags"] & PRESENT) != 0
    return np.where(present, CLASS_OF_QUALITY[block.slots["quality"]].astype(np.int64), -1)


def _ranks_above(
    these: Sequence[NDArray[np.integer]], others: Sequence[NDArray[np.integer]]
) -> NDArray[np.bool_]:
    """Where a tuple of columns is above the other one."""
    above = np.zeros(len(these[0]), dtype=np.bool_)
    equal = np.ones(len(these[0]), dtype=np.bool_)
    for this, other in zip(these, others, strict=True):
        above |= equal & (this > other)
        equal &= this == other
    return above
