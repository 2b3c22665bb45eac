"""Event blocks as byte planes: columns turned into differences, split byte by byte."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, RecordBlock
from storage.model.event_block import EVENT

# Name and width in bytes, in the order of the planes.
_COLUMNS: Final[tuple[tuple[str, int], ...]] = (
    ("at", 4),
    ("final", 8),
    ("raw", 8),
    ("quality", 1),
    ("flags", 1),
    ("revision", 2),
    ("sequence", 8),
    ("raw_sequence", 8),
    ("edge", 1),
    ("raw_edge", 1),
)
PLANES: Final = sum(width for _, width in _COLUMNS)
_FULL: Final = PRESENT | HAS_RAW


def to_planes(blocks: RecordBlock, events: int) -> NDArray[np.uint8]:
    """Return planes (B, PLANES, events) of B blocks with `events` events each, one after another.

    `at`, `final` and sequences are differences from the event before; `raw` and its stamps are
    xor with `final`'s. So a block of register reads has bytes other than zero in few planes.
    """
    cells = blocks.slots.reshape(-1, events)
    has_raw = (cells["flags"] & HAS_RAW) != 0
    final, sequence = cells["final"], blocks.sequence.reshape(-1, events)
    # Each block's own names are few enough for a byte.
    edge = blocks.edge.astype(np.uint8).reshape(-1, events)
    raw_edge = blocks.raw_edge.astype(np.uint8).reshape(-1, events)
    zero = np.uint8(0)
    columns = {
        "at": np.diff(cells["at"], axis=1, prepend=np.uint32(0)),
        "final": _zigzag(final),
        "raw": np.where(has_raw, cells["raw"] ^ final, 0),
        "quality": cells["quality"],
        "flags": cells["flags"] ^ np.uint8(_FULL),
        "revision": cells["revision"],
        "sequence": _zigzag(sequence),
        "raw_sequence": np.where(has_raw, blocks.raw_sequence.reshape(-1, events) ^ sequence, 0),
        "edge": edge,
        "raw_edge": np.where(has_raw, raw_edge ^ edge, zero),
    }
    planes = np.empty((len(cells), PLANES, events), dtype=np.uint8)
    at = 0
    for name, width in _COLUMNS:
        column = np.ascontiguousarray(columns[name])
        split = column.view(np.uint8).reshape(len(cells), events, width)
        planes[:, at : at + width] = split.transpose(0, 2, 1)
        at += width
    return planes


def from_planes(planes: NDArray[np.uint8], edges: tuple[str, ...]) -> RecordBlock:
    """Turn the answer of `to_planes` back into blocks one after another."""
    count, _, events = planes.shape
    columns = {}
    at = 0
    for name, width in _COLUMNS:
        split = np.ascontiguousarray(planes[:, at : at + width].transpose(0, 2, 1))
        columns[name] = split.view(f"<u{width}").reshape(count, events)
        at += width
    flags = columns["flags"].astype(np.uint8) ^ np.uint8(_FULL)
    has_raw = (flags & HAS_RAW) != 0
    cells = np.zeros((count, events), dtype=EVENT)
    cells["at"] = np.cumsum(columns["at"], axis=1, dtype=np.uint32)
    cells["final"] = _unzigzag(columns["final"])
    cells["raw"] = np.where(has_raw, cells["final"] ^ columns["raw"].view("<i8"), 0)
    cells["quality"] = columns["quality"]
    cells["flags"] = flags
    cells["revision"] = columns["revision"]
    sequence = _unzigzag(columns["sequence"])
    edge = columns["edge"].astype(np.uint16)
    raw_edge = np.where(has_raw, edge ^ columns["raw_edge"], 0).astype(np.uint16)
    raw_sequence = np.where(has_raw, sequence ^ columns["raw_sequence"].view("<i8"), 0)
    return RecordBlock(
        slots=cells.reshape(-1),
        sequence=sequence.reshape(-1),
        edge=edge.reshape(-1),
        raw_sequence=raw_sequence.reshape(-1),
        raw_edge=raw_edge.reshape(-1),
        edges=edges,
    )


def _zigzag(column: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Differences along a block, small in both directions; beyond 64 bits they wrap and return."""
    change = np.diff(column, axis=1, prepend=np.int64(0))
    return ((change << 1) ^ (change >> 63)).view(np.uint64)


def _unzigzag(column: NDArray[np.uint64]) -> NDArray[np.int64]:
    change = (column >> np.uint64(1)).view(np.int64) ^ -(column & np.uint64(1)).view(np.int64)
    return np.cumsum(change, axis=1, dtype=np.int64)
