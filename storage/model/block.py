"""A block: one meter's and register's UTC day of one interval length, as fixed slots."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import DAY_S

SLOT: Final = np.dtype(
    [
        ("raw", "<i4"),
        ("final", "<i4"),
        ("quality", "u1"),
        ("flags", "u1"),
        ("revision", "<u2"),
    ]
)
"""12 bytes a slot. `raw` is the newest actual reading, `final` the value that counts now,
`quality` the quality of `final`, `revision` how many versions `final` has replaced or outlived.
All-zero bytes mean absent."""

PRESENT: Final = 1
"""Flag: `final` holds a value."""
HAS_RAW: Final = 2
"""Flag: `raw` holds an actual reading."""


@dataclass(frozen=True, slots=True, order=True)
class BlockKey:
    """Identity of a block within its tenant; `day` counts UTC days since 1970."""

    meter_id: str
    register: str
    day: int
    interval_s: int

    @property
    def slots(self) -> int:
        """Number of intervals in the day."""
        return DAY_S // self.interval_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """V versions of slots of one block, as columns; `edge` indexes the block's edge names.

    Values are int32 in blocks of slots, int64 in event blocks.
    """

    slot: NDArray[np.signedinteger[Any]]
    value: NDArray[np.signedinteger[Any]]
    quality: NDArray[np.uint8]
    sequence: NDArray[np.int64]
    edge: NDArray[np.uint16]

    def __len__(self) -> int:
        """Number of versions."""
        return len(self.slot)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "Versions":
        """The versions at `index`, in its order."""
        return Versions(
            slot=self.slot[index],
            value=self.value[index],
            quality=self.quality[index],
            sequence=self.sequence[index],
            edge=self.edge[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBlock:
    """HQ's block: the slots, and the stamp of each slot's `final` and `raw`.

    Every column has one entry a slot. `edges` holds the names that the edge columns index,
    sorted, so that comparing indexes compares names.
    """

    slots: NDArray[np.void]
    sequence: NDArray[np.int64]
    edge: NDArray[np.uint16]
    raw_sequence: NDArray[np.int64]
    raw_edge: NDArray[np.uint16]
    edges: tuple[str, ...]

    @classmethod
    def empty(cls, slots: int, edges: tuple[str, ...], *, layout: DTypeLike = SLOT) -> Self:
        """A block without any reading; `edges` must be sorted.

        `layout` is the dtype of a slot: `SLOT`, or another with the same fields and more.
        """
        return cls(
            slots=np.zeros(slots, dtype=layout),
            sequence=np.zeros(slots, dtype=np.int64),
            edge=np.zeros(slots, dtype=np.uint16),
            raw_sequence=np.zeros(slots, dtype=np.int64),
            raw_edge=np.zeros(slots, dtype=np.uint16),
            edges=edges,
        )

    @property
    def present(self) -> NDArray[np.bool_]:
        """Mask of the slots that hold a value."""
        mask: NDArray[np.bool_] = (self.slots["flags"] & PRESENT) != 0
        return mask

    def with_edges(self, names: tuple[str, ...]) -> "RecordBlock":
        """The same block indexing `names`, a sorted superset of its own edge names."""
        if names == self.edges:
            return self
        new_index = np.array([names.index(name) for name in self.edges] or [0], dtype=np.uint16)
        has_raw = (self.slots["flags"] & HAS_RAW) != 0
        return RecordBlock(
            slots=self.slots,
            sequence=self.sequence,
            # A slot without a value has no edge: it stays all zeros, as in an empty block.
            edge=np.where(self.present, new_index[self.edge], np.uint16(0)),
            raw_sequence=self.raw_sequence,
            raw_edge=np.where(has_raw, new_index[self.raw_edge], np.uint16(0)),
            edges=names,
        )


def merge(block: RecordBlock, versions: Versions) -> tuple[RecordBlock, Versions]:
    """Return the block with every version taken in, and the versions that are not current.

    `final` is the highest version by (class, sequence, edge), `raw` the highest actual one by
    (sequence, edge). Both are maxima, so order, duplication and splitting of the same versions
    give the same block. A version that the block already shows is not returned; one that was
    replaced before is returned again each time (the revisions log is keyed by its stamp).
    `revision` is not touched: it counts the log's rows of that slot.
    """
    present = np.flatnonzero(block.present).astype(np.int32)
    held = Versions(
        slot=present,
        value=block.slots["final"][present],
        quality=block.slots["quality"][present],
        sequence=block.sequence[present],
        edge=block.edge[present],
    )
    every = _join(held, versions)
    rank = CLASS_OF_QUALITY[every.quality]
    order = _order(every.slot, every.edge, every.sequence, rank)
    ranked = every.take(order)
    top = _last_of_each(ranked.slot)
    same_as_next = np.zeros(len(ranked), dtype=np.bool_)
    same_as_next[:-1] = (
        (ranked.slot[1:] == ranked.slot[:-1])
        & (ranked.sequence[1:] == ranked.sequence[:-1])
        & (ranked.edge[1:] == ranked.edge[:-1])
        & (ranked.quality[1:] == ranked.quality[:-1])
    )
    current = ranked.take(top)
    replaced = ranked.take(~top & ~same_as_next)

    slots = block.slots.copy()
    slots["final"][current.slot] = current.value
    slots["quality"][current.slot] = current.quality
    slots["flags"][current.slot] |= PRESENT
    sequence = block.sequence.copy()
    sequence[current.slot] = current.sequence
    edge = block.edge.copy()
    edge[current.slot] = current.edge

    raw_sequence, raw_edge = block.raw_sequence.copy(), block.raw_edge.copy()
    _take_raw(block, versions, slots, raw_sequence, raw_edge)
    merged = RecordBlock(
        slots=slots,
        sequence=sequence,
        edge=edge,
        raw_sequence=raw_sequence,
        raw_edge=raw_edge,
        edges=block.edges,
    )
    return merged, replaced


def _take_raw(
    block: RecordBlock,
    versions: Versions,
    slots: NDArray[np.void],
    raw_sequence: NDArray[np.int64],
    raw_edge: NDArray[np.uint16],
) -> None:
    actual = versions.take(CLASS_OF_QUALITY[versions.quality] == QualityClass.ACTUAL)
    actual = actual.take(_order(actual.slot, actual.edge, actual.sequence))
    newest = actual.take(_last_of_each(actual.slot))
    had = (block.slots["flags"][newest.slot] & HAS_RAW) != 0
    held_sequence, held_edge = block.raw_sequence[newest.slot], block.raw_edge[newest.slot]
    newer = (newest.sequence > held_sequence) | (
        (newest.sequence == held_sequence) & (newest.edge > held_edge)
    )
    taken = newest.take(~had | newer)
    slots["raw"][taken.slot] = taken.value
    slots["flags"][taken.slot] |= HAS_RAW
    raw_sequence[taken.slot] = taken.sequence
    raw_edge[taken.slot] = taken.edge


def _join(first: Versions, second: Versions) -> Versions:
    return Versions(
        slot=np.concatenate((first.slot, second.slot)),
        value=np.concatenate((first.value, second.value)),
        quality=np.concatenate((first.quality, second.quality)),
        sequence=np.concatenate((first.sequence, second.sequence)),
        edge=np.concatenate((first.edge, second.edge)),
    )


def _order(slot: NDArray[np.signedinteger[Any]], *ranks: NDArray[Any]) -> NDArray[np.intp]:
    """The order by slot; within one by `ranks`, of which the last weighs most."""
    order = np.argsort(slot, kind="stable")
    if _last_of_each(slot[order]).all():
        return order
    # Only slots that are named more than once need the other, slower keys.
    return np.lexsort((*ranks, slot))


def _last_of_each(sorted_slots: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    last = np.ones(len(sorted_slots), dtype=np.bool_)
    last[:-1] = sorted_slots[1:] != sorted_slots[:-1]
    return last
