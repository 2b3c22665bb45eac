"""The front of a block's body: its final values as columns of bits, which add up as they are.

A column holds one bit of every slot's distance from the block's lowest value, so the sum over some
slots is a count of set bits a column: no value is unpacked. The front has a checksum of its own and
can be read without the rest of the body.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.cold.word_checksum import CHECKSUM_BYTES, checksums

FORMAT: Final = 3
GAPS: Final = 0x40
"""Bit of the first byte: a last column says which slots hold a value; without it all do."""
_HEAD: Final = np.dtype([("form", "u1"), ("columns", "u1"), ("slots", "<u2"), ("lowest", "<i4")])
HEAD_BYTES: Final = _HEAD.itemsize
_WORD_BITS: Final = 32
_HEAD_WORDS: Final = HEAD_BYTES // 4
_MOST_BITS: Final = 32


class FrontDamaged(ValueError):
    """The bytes are not the front of a block."""


@dataclass(frozen=True, slots=True)
class ValueColumns:
    """N blocks with the same columns; `block` is each one's place among those that were opened.

    `bits` are (N, columns * words) uint32, the lowest bit's column first; slot 0 is the lowest
    bit of a column's first word. `present` are (N, words), or None where all slots hold a value.
    """

    block: NDArray[np.int64]
    lowest: NDArray[np.int64]
    bits: NDArray[np.uint32]
    present: NDArray[np.uint32] | None

    def take(self, index: NDArray[np.intp]) -> "ValueColumns":
        """The blocks at `index`."""
        present = None if self.present is None else self.present[index]
        return ValueColumns(self.block[index], self.lowest[index], self.bits[index], present)

    def sums(self, mask: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sum of the values in the slots of `mask` (words), and how many there are: both (N,)."""
        words = len(mask)
        width = self.bits.shape[1] // words
        if self.present is None:
            count = np.full(len(self.block), np.bitwise_count(mask).sum(), dtype=np.int64)
        else:
            count = np.bitwise_count(self.present & mask).sum(axis=1, dtype=np.int64)
        worth = np.repeat(np.int64(1) << np.arange(width), words)
        above = np.bitwise_count(self.bits & np.tile(mask, width))
        # Not a product of matrices: that would be of floats, and take the library's own threads.
        total: NDArray[np.int64] = np.einsum("ij,j->i", above, worth) + self.lowest * count
        return total, count

    def values(self, slots: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The values, 0 where there is none, and where there are any: both (N, slots)."""
        words = words_of(slots)
        count = len(self.block)
        if self.present is None:
            known = np.ones((count, slots), dtype=np.bool_)
        else:
            known = _unpacked(self.present, slots) != 0
        # Modulo 2**32, as an int32 is stored.
        found = np.zeros((count, slots), dtype=np.uint32)
        for at in range(self.bits.shape[1] // words):
            column = _unpacked(self.bits[:, at * words : (at + 1) * words], slots)
            found |= column.astype(np.uint32) << np.uint32(at)
        found += self.lowest.astype(np.uint32)[:, None]
        return np.where(known, found, np.uint32(0)).view(np.int32), known


def words_of(slots: int) -> int:
    """Words of 32 bits that a column takes."""
    return -(-slots // _WORD_BITS)


def slot_mask(chosen: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Columns for masks of slots: (..., slots) to (..., words)."""
    slots = chosen.shape[-1]
    packed = np.zeros((*chosen.shape[:-1], 4 * words_of(slots)), dtype=np.uint8)
    bits = np.packbits(chosen, axis=-1, bitorder="little")
    packed[..., : bits.shape[-1]] = bits
    return packed.view("<u4")


def encode_fronts(values: NDArray[np.int32], present: NDArray[np.bool_]) -> list[bytes]:
    """The front of each block, whose `values` in slots that are not `present` do not matter.

    Both are (N, slots).
    """
    count, slots = values.shape
    if not count:
        return []
    highest = np.iinfo(np.int64).max
    lowest = np.where(present, values.astype(np.int64), highest).min(axis=1, initial=highest)
    lowest[lowest == highest] = 0
    above = np.where(present, values - lowest[:, None], 0)
    width = np.frexp(above.max(axis=1, initial=0).astype(np.float64))[1].astype(np.int64)
    gaps = ~np.all(present, axis=1)
    heads = np.zeros(count, dtype=_HEAD)
    heads["form"] = np.where(gaps, FORMAT | GAPS, FORMAT)
    heads["columns"] = width + gaps
    heads["slots"] = slots
    heads["lowest"] = lowest
    columns = np.zeros((count, int(width.max(initial=0)) + 1, words_of(slots)), dtype="<u4")
    for bit in range(columns.shape[1] - 1):
        columns[:, bit] = slot_mask((above >> bit & 1) != 0)
    columns[gaps, width[gaps]] = slot_mask(present[gaps])
    rows = np.hstack((heads.view("<u4").reshape(count, _HEAD_WORDS), columns.reshape(count, -1)))
    sealed = checksums(rows).astype("<u8")
    sizes = 4 * (_HEAD_WORDS + (width + gaps) * words_of(slots))
    return [
        row[:size].tobytes() + checksum.tobytes()
        for row, size, checksum in zip(rows.view(np.uint8), sizes.tolist(), sealed, strict=True)
    ]


def front_length(body: bytes, slots: int) -> int:
    """Bytes of the front that a body begins with.

    Raises:
        FrontDamaged: it is shorter.
    """
    if len(body) < HEAD_BYTES:
        raise FrontDamaged("a body that is too short")
    length = HEAD_BYTES + 4 * body[1] * words_of(slots) + CHECKSUM_BYTES
    if len(body) < length:
        raise FrontDamaged("a body that is too short")
    return length


def open_fronts(
    stored: NDArray[np.uint8], begins: NDArray[np.int64], sizes: NDArray[np.int64], *, slots: int
) -> Iterator[ValueColumns]:
    """Open the fronts of blocks with `slots` slots, `sizes` bytes from `begins` in `stored` each.

    Raises:
        FrontDamaged: one has changed since it was written, or is of another format.
    """
    if not len(begins):
        return
    if int(sizes.min()) < HEAD_BYTES + CHECKSUM_BYTES:
        raise FrontDamaged("a front that is too short")
    heads = stored[begins[:, None] + np.arange(HEAD_BYTES)].view(_HEAD)[:, 0]
    forms, columns = heads["form"], heads["columns"].astype(np.int64)
    words = words_of(slots)
    if (
        ((forms & ~np.uint8(GAPS)) != FORMAT).any()
        or (heads["slots"] != slots).any()
        or (sizes != HEAD_BYTES + 4 * words * columns + CHECKSUM_BYTES).any()
        or (columns - ((forms & GAPS) != 0) > _MOST_BITS).any()
        or (columns < ((forms & GAPS) != 0)).any()
    ):
        raise FrontDamaged("a format that is not known here")
    keys = columns << 8 | forms
    for key in np.unique(keys).tolist():
        block = np.flatnonzero(keys == key)
        size = int(sizes[block[0]])
        rows = np.lib.stride_tricks.sliding_window_view(stored, size)[begins[block]]
        cells = rows.view("<u4")
        last = cells.shape[1] - CHECKSUM_BYTES // 4
        if (
            checksums(cells[:, :last]) != np.ascontiguousarray(cells[:, last:]).view("<u8")[:, 0]
        ).any():
            raise FrontDamaged("the checksum does not fit")
        own = last - words if key & GAPS else last
        yield ValueColumns(
            block=block,
            lowest=heads["lowest"][block].astype(np.int64),
            bits=cells[:, _HEAD_WORDS:own],
            present=cells[:, own:last] if key & GAPS else None,
        )


def joined(fronts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Fronts one after another, and the size of each."""
    sizes = np.array(list(map(len, fronts)), dtype=np.int64)
    return np.frombuffer(b"".join(fronts), dtype=np.uint8), sizes


def _unpacked(column: NDArray[np.uint32], slots: int) -> NDArray[np.uint8]:
    stored = np.ascontiguousarray(column).view(np.uint8)
    return np.unpackbits(stored, axis=1, count=slots, bitorder="little")
