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
_CHECKSUM_WORDS: Final = CHECKSUM_BYTES // 4
_MOST_BITS: Final = 32
_TURNED_AT_ONCE: Final = 1_024


class FrontDamaged(ValueError):
    """The bytes are not the front of a block."""


@dataclass(frozen=True, slots=True)
class ValueColumns:
    """N blocks with the same columns; `block` is each one's place among those that were opened.

    `bits` are (columns, words, N) uint32, the lowest bit's column first; slot 0 is the lowest bit
    of a column's first word. `present` are (words, N), or None where all slots hold a value.
    """

    block: NDArray[np.int64]
    lowest: NDArray[np.int64]
    bits: NDArray[np.uint32]
    present: NDArray[np.uint32] | None

    def take(self, index: NDArray[np.intp]) -> "ValueColumns":
        """The blocks at `index`."""
        present = None if self.present is None else self.present[:, index]
        bits = self.bits[:, :, index]
        return ValueColumns(self.block[index], self.lowest[index], bits, present)

    def sums(self, mask: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sum of the values in the slots of `mask` (words), and how many there are: both (N,)."""
        if self.present is None:
            count = np.full(len(self.block), np.bitwise_count(mask).sum(), dtype=np.int64)
        else:
            count = np.bitwise_count(self.present & mask[:, None]).sum(axis=0, dtype=np.int64)
        above = np.zeros((len(self.bits), len(self.block)), dtype=np.uint16)
        for word in np.flatnonzero(mask).tolist():
            above += np.bitwise_count(self.bits[:, word] & mask[word])
        total = np.zeros(len(self.block), dtype=np.int64)
        for column in above[::-1]:
            total <<= 1
            total += column
        return total + self.lowest * count, count

    def values(self, slots: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The values, 0 where there is none, and where there are any: both (N, slots)."""
        count = len(self.block)
        if self.present is None:
            known = np.ones((count, slots), dtype=np.bool_)
        else:
            known = _unpacked(self.present, slots) != 0
        # Modulo 2**32, as an int32 is stored.
        found = np.zeros((count, slots), dtype=np.uint32)
        for at, column in enumerate(self.bits):
            found |= _unpacked(column, slots).astype(np.uint32) << np.uint32(at)
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
    heads = _pieces(stored, begins, HEAD_BYTES).view(_HEAD)[:, 0]
    forms, columns = heads["form"], heads["columns"].astype(np.int64)
    if (
        ((forms & ~np.uint8(GAPS)) != FORMAT).any()
        or (heads["slots"] != slots).any()
        or (sizes != HEAD_BYTES + 4 * words_of(slots) * columns + CHECKSUM_BYTES).any()
        or (columns - ((forms & GAPS) != 0) > _MOST_BITS).any()
        or (columns < ((forms & GAPS) != 0)).any()
    ):
        raise FrontDamaged("a format that is not known here")
    keys = columns << 8 | forms
    for key in np.unique(keys).tolist():
        block = np.flatnonzero(keys == key)
        size = int(sizes[block[0]])
        words = _words(stored, begins[block], size)
        values, sealed = words[:-_CHECKSUM_WORDS], words[-_CHECKSUM_WORDS:]
        if (checksums(values.T) != np.ascontiguousarray(sealed.T).view("<u8")[:, 0]).any():
            raise FrontDamaged("the checksum does not fit")
        every = values[_HEAD_WORDS:].reshape(-1, words_of(slots), len(block))
        yield ValueColumns(
            block=block,
            lowest=heads["lowest"][block].astype(np.int64),
            bits=every[:-1] if key & GAPS else every,
            present=every[-1] if key & GAPS else None,
        )


def joined(fronts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Fronts one after another, and the size of each."""
    sizes = np.array(list(map(len, fronts)), dtype=np.int64)
    return np.frombuffer(b"".join(fronts), dtype=np.uint8), sizes


def _pieces(stored: NDArray[np.uint8], begins: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The `size` bytes from each of `begins`: (N, size)."""
    found: NDArray[np.uint8] = np.lib.stride_tricks.sliding_window_view(stored, size)[begins]
    return found


def _words(stored: NDArray[np.uint8], begins: NDArray[np.int64], size: int) -> NDArray[np.uint32]:
    """The same as words, each of all pieces in one stretch, as they are added up: (words, N)."""
    found = np.empty((size // 4, len(begins)), dtype=np.uint32)
    # Some at a time, which stay in the processor's cache while they are turned.
    for at in range(0, len(begins), _TURNED_AT_ONCE):
        some = slice(at, at + _TURNED_AT_ONCE)
        found[:, some] = _pieces(stored, begins[some], size).view("<u4").T
    return found


def _unpacked(words: NDArray[np.uint32], slots: int) -> NDArray[np.uint8]:
    """The bits of (words, N), a slot each: (N, slots)."""
    stored = np.ascontiguousarray(words.T).view(np.uint8)
    return np.unpackbits(stored, axis=1, count=slots, bitorder="little")
