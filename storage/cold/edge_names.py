"""Edge names of stored blocks: a body has its own, blocks open together share theirs."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, RecordBlock


def with_own_edges(blocks: RecordBlock, slots: int) -> tuple[list[tuple[str, ...]], RecordBlock]:
    """Each block's own edge names, and the blocks with edges that index those."""
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
    own_index: NDArray[np.uint8] = (np.cumsum(used, axis=1) - used).astype(np.uint8)
    row = np.arange(count)[:, None]
    local = replace(
        blocks,
        edge=np.where(present, own_index[row, edge], np.uint8(0)).reshape(-1),
        raw_edge=np.where(has_raw, own_index[row, raw_edge], np.uint8(0)).reshape(-1),
    )
    names = np.array(blocks.edges, dtype=object)
    return [tuple(names[mask]) for mask in used], local


def with_shared_edges(blocks: RecordBlock, names: list[tuple[str, ...]], slots: int) -> RecordBlock:
    """The blocks with edges that index `blocks.edges` in place of each block's own names."""
    if all(own == blocks.edges for own in names):
        return blocks
    shared = {name: index for index, name in enumerate(blocks.edges)}
    index = np.zeros((len(names), 256), dtype=np.uint8)
    for at, own in enumerate(names):
        index[at, : len(own)] = [shared[name] for name in own]
    row = np.arange(len(names))[:, None]
    edge = index[row, blocks.edge.reshape(-1, slots)].reshape(-1)
    raw_edge = index[row, blocks.raw_edge.reshape(-1, slots)].reshape(-1)
    has_raw = (blocks.slots["flags"] & HAS_RAW) != 0
    return replace(
        blocks,
        edge=np.where(blocks.present, edge, np.uint8(0)),
        raw_edge=np.where(has_raw, raw_edge, np.uint8(0)),
    )
