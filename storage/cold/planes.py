"""Record blocks as byte planes: columns turned into small differences, split byte by byte."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, SLOT, RecordBlock

PLANES: Final = 30
FINAL_PLANES: Final = 4
"""The first planes, which hold the final values."""
_FULL: Final = PRESENT | HAS_RAW
_Columns = tuple[tuple[str, int], ...]
# Name and width in bytes, in the order of the planes.
_COLUMNS: Final[_Columns] = (
    ("final", 4),
    ("raw", 4),
    ("quality", 1),
    ("flags", 1),
    ("revision", 2),
    ("sequence", 8),
    ("raw_sequence", 8),
    ("edge", 1),
    ("raw_edge", 1),
)


def to_planes(
    blocks: RecordBlock, slots: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return planes (B, PLANES, slots), and the level and step of each block's sequences (B,).

    `blocks` holds B blocks one after another. `final` stands as it is; `raw` and its stamps are
    xor with `final`'s; flags are xor with "both"; sequences are distances from `step` after the
    slot before. So a complete, uncorrected day has bytes other than zero in few planes.
    """
    cells = blocks.slots.reshape(-1, slots)
    present = blocks.present.reshape(-1, slots)
    has_raw = (cells["flags"] & HAS_RAW) != 0
    sequence = blocks.sequence.reshape(-1, slots)
    # Each block's own names are few enough for a byte.
    edge = blocks.edge.astype(np.uint8).reshape(-1, slots)
    raw_edge = blocks.raw_edge.astype(np.uint8).reshape(-1, slots)
    level, step, distance = _distances(sequence, present)
    zero = np.uint8(0)
    columns = {
        "final": cells["final"],
        "raw": np.where(has_raw, cells["raw"] ^ cells["final"], 0).astype("<i4"),
        "quality": cells["quality"],
        "flags": cells["flags"] ^ _FULL,
        "revision": cells["revision"],
        "sequence": distance,
        "raw_sequence": np.where(has_raw, blocks.raw_sequence.reshape(-1, slots) ^ sequence, 0),
        "edge": edge,
        "raw_edge": np.where(has_raw, raw_edge ^ edge, zero),
    }
    planes = np.zeros((len(cells), PLANES, slots), dtype=np.uint8)
    at = 0
    for name, width in _COLUMNS:
        column = np.ascontiguousarray(columns[name])
        # Most columns are all zeros in most blocks, and to split one takes longer than to look.
        if column.any():
            split = column.view(np.uint8).reshape(len(cells), slots, width)
            planes[:, at : at + width] = split.transpose(0, 2, 1)
        at += width
    return planes, level, step


def from_planes(
    planes: NDArray[np.uint8],
    level: NDArray[np.int64],
    step: NDArray[np.int64],
    edges: tuple[str, ...],
) -> RecordBlock:
    """Turn the answer of `to_planes` back into blocks one after another."""
    count, _, slots = planes.shape
    columns = {}
    at = 0
    for name, width in _COLUMNS:
        split = planes[:, at : at + width]
        columns[name] = np.zeros((count, slots), dtype=f"<u{width}")
        if split.any():
            joined = columns[name].view(np.uint8).reshape(count, slots, width)
            joined[:] = split.transpose(0, 2, 1)
        at += width
    flags = columns["flags"].astype(np.uint8) ^ np.uint8(_FULL)
    present, has_raw = (flags & PRESENT) != 0, (flags & HAS_RAW) != 0
    cells = np.zeros((count, slots), dtype=SLOT)
    cells["final"] = columns["final"].view("<i4")
    cells["raw"] = np.where(has_raw, cells["final"] ^ columns["raw"].view("<i4"), 0)
    cells["quality"] = columns["quality"]
    cells["flags"] = flags
    cells["revision"] = columns["revision"]
    sequence = _sequences(columns["sequence"], present, level, step)
    raw_sequence = np.where(has_raw, sequence ^ columns["raw_sequence"].view("<i8"), 0)
    edge = columns["edge"].astype(np.uint16)
    raw_edge = np.where(has_raw, edge ^ columns["raw_edge"], 0).astype(np.uint16)
    return RecordBlock(
        slots=cells.reshape(-1),
        sequence=sequence.reshape(-1),
        edge=edge.reshape(-1),
        raw_sequence=raw_sequence.reshape(-1),
        raw_edge=raw_edge.reshape(-1),
        edges=edges,
    )


def _distances(
    sequence: NDArray[np.int64], present: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    rows, slots = sequence.shape
    # An absent slot repeats the one before it, so that it costs nothing; those in front of the
    # first present slot repeat that one.
    last = np.maximum.accumulate(np.where(present, np.arange(slots), -1), axis=1)
    source = np.where(last < 0, present.argmax(axis=1)[:, None], last)
    row = np.arange(rows)[:, None]
    filled = sequence[row, source]
    step = np.sort(np.diff(filled, axis=1, prepend=filled[:, :1]), axis=1)[:, slots // 2]
    steady = filled - step[:, None] * source
    level = steady[:, 0].copy()
    change = np.diff(steady, axis=1, prepend=level[:, None])
    return level, step, ((change << 1) ^ (change >> 63)).view(np.uint64)


def _sequences(
    distance: NDArray[np.uint64],
    present: NDArray[np.bool_],
    level: NDArray[np.int64],
    step: NDArray[np.int64],
) -> NDArray[np.int64]:
    slots = distance.shape[1]
    change = (distance >> np.uint64(1)).view(np.int64) ^ -(distance & np.uint64(1)).view(np.int64)
    steady = level[:, None] + np.cumsum(change, axis=1)
    sequence: NDArray[np.int64] = np.where(
        present, steady + step[:, None] * np.arange(slots), np.int64(0)
    )
    return sequence
