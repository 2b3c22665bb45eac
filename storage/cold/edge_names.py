"""Edge names of stored blocks: a body has its own, blocks open together share theirs."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, RecordBlock

MAX_NAMES: Final = 256
"""A stored index is one byte. Honest blocks have one or two names, more only by lost stores."""


def with_own_edges(blocks: RecordBlock, slots: int) -> tuple[list[tuple[str, ...]], RecordBlock]:
    """Each block's own edge names, at most `MAX_NAMES`, and the blocks with edges that index those.

    Names beyond are told as the last one: a crowded block keeps its readings and never stops
    the others.
    """
    present = blocks.present.reshape(-1, slots)
    count = len(present)
    if len(blocks.edges) <= 1:
        filled = np.any(present, axis=1).tolist()
        return [blocks.edges if has_any else () for has_any in filled], blocks
    has_raw = (blocks.slots["flags"] & HAS_RAW).reshape(-1, slots) != 0
    edge, raw_edge = blocks.edge.reshape(-1, slots), blocks.raw_edge.reshape(-1, slots)
    used = np.zeros((count, len(blocks.edges)), dtype=np.bool_)
    for column, mask in ((edge, present), (raw_edge, has_raw)):
        row, slot = np.nonzero(mask)
        used[row, column[row, slot]] = True
    own_index: NDArray[np.uint16] = np.minimum(np.cumsum(used, axis=1) - used, MAX_NAMES - 1)
    own_index = own_index.astype(np.uint16)
    row = np.arange(count)[:, None]
    local = replace(
        blocks,
        edge=np.where(present, own_index[row, edge], np.uint16(0)).reshape(-1),
        raw_edge=np.where(has_raw, own_index[row, raw_edge], np.uint16(0)).reshape(-1),
    )
    names = np.array(blocks.edges, dtype=object)
    return [tuple(names[mask][:MAX_NAMES]) for mask in used], local


def with_shared_edges(blocks: RecordBlock, names: list[tuple[str, ...]], slots: int) -> RecordBlock:
    """The blocks with edges that index `blocks.edges` in place of each block's own names."""
    if all(own == blocks.edges for own in names):
        return blocks
    shared = {name: index for index, name in enumerate(blocks.edges)}
    index = np.zeros((len(names), MAX_NAMES), dtype=np.uint16)
    for at, own in enumerate(names):
        index[at, : len(own)] = [shared[name] for name in own]
    row = np.arange(len(names))[:, None]
    edge = index[row, blocks.edge.reshape(-1, slots)].reshape(-1)
    raw_edge = index[row, blocks.raw_edge.reshape(-1, slots)].reshape(-1)
    has_raw = (blocks.slots["flags"] & HAS_RAW) != 0
    return replace(
        blocks,
        edge=np.where(blocks.present, edge, np.uint16(0)),
        raw_edge=np.where(has_raw, raw_edge, np.uint16(0)),
    )
