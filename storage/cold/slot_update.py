"""Blocks of slots as they will be once versions are taken in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from storage.cold.codec import BlockCodec
from storage.model.block import BlockKey, RecordBlock, Versions, merge

MAX_REVISION = 65_535


@dataclass(frozen=True, slots=True)
class SlotUpdate:
    """Blocks one after another in the order of `keys`, and the versions that they replaced."""

    keys: Sequence[BlockKey]
    record: RecordBlock
    replaced: Versions

    @classmethod
    def of(
        cls,
        *,
        keys: Sequence[BlockKey],
        places: NDArray[np.int64],
        bodies: Sequence[bytes],
        versions: Versions,
        edges: tuple[str, ...],
    ) -> Self:
        """Merge `versions`, whose slots count through `keys` and whose edges index `edges`.

        `bodies` are those of the keys at `places`; the keys have one interval length.

        Raises:
            BlockDamaged: a stored body is unreadable.
        """
        slots = keys[0].slots
        held = BlockCodec(slots).decode(bodies)
        names = tuple(sorted({*edges, *held.edges}))
        blocks = held.with_edges(names)
        if not np.array_equal(places, np.arange(len(keys))):
            blocks = _among(blocks, places, count=len(keys), slots=slots)
        return cls(keys, *merge(blocks, renamed(versions, edges, names)))

    @property
    def edges(self) -> tuple[str, ...]:
        """The names that the edges of `replaced` index."""
        return self.record.edges

    def counted(self, places: NDArray[np.int64]) -> Self:
        """Raise the revision of each slot by the number of times that it stands in `places`."""
        if not len(places):
            return self
        cells = self.record.slots.copy()
        added = np.bincount(places, minlength=len(cells))
        cells["revision"] = np.minimum(cells["revision"] + added, MAX_REVISION)
        return replace(self, record=replace(self.record, slots=cells))

    def sealed(self) -> tuple[list[int], list[bytes]]:
        """Number of readings and body of every block."""
        slots = self.keys[0].slots
        present = self.record.present.reshape(-1, slots).sum(axis=1).tolist()
        return present, BlockCodec(slots).encode(self.record)

    def held(self) -> dict[BlockKey, NDArray[np.void]]:
        """The slots (dtype `SLOT`) of the blocks that hold a reading."""
        by_block = self.record.slots.reshape(len(self.keys), -1)
        return {
            key: cells
            for key, cells in zip(self.keys, by_block, strict=True)
            if cells["flags"].any()
        }


def renamed(versions: Versions, edges: tuple[str, ...], names: tuple[str, ...]) -> Versions:
    """The versions with edges that index `names`, a superset of `edges`, in place of `edges`."""
    index = np.array([names.index(edge) for edge in edges] or [0], dtype=np.uint16)
    return replace(versions, edge=index[versions.edge])


def _among(held: RecordBlock, places: NDArray[np.int64], *, count: int, slots: int) -> RecordBlock:
    """`count` blocks: those of `held` at `places`, the others without any reading."""
    blocks = RecordBlock.empty(count * slots, held.edges)
    for column in ("slots", "sequence", "edge", "raw_sequence", "raw_edge"):
        by_block = getattr(blocks, column).reshape(-1, slots)
        by_block[places] = getattr(held, column).reshape(-1, slots)
    return blocks
