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
HEAD: Final = np.dtype([("form", "u1"), ("columns", "u1"), ("slots", "<u2"), ("lowest", "<i4")])
HEAD_BYTES: Final = HEAD.itemsize
_WORD_BITS: Final = 32
_HEAD_WORDS: Final = HEAD_BYTES // 4
_CHECKSUM_WORDS: Final = CHECKSUM_BYTES // 4
_MOST_BITS: Final = 32
_MOST_IN_BYTE: Final = 255
_OPENED_AT_ONCE: Final = 2_048
"""Blocks whose columns, and what is counted of them, stay in a processor's cache."""


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

    def sums(self, masks: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sums of the values in the slots of `masks` (M, words), and how many there are.

        Both are (M, N), the second one (M, 1) where all slots hold a value.
        """
        if self.present is None:
            count = np.bitwise_count(masks).sum(axis=1, dtype=np.int64)[:, None]
        else:
            count = np.bitwise_count(self.present & masks[:, :, None]).sum(axis=1, dtype=np.int64)
        bits = _WORD_BITS * masks.shape[1]
        shape = len(self.bits), len(masks), len(self.block)
        above = np.zeros(shape, dtype=np.uint8 if bits <= _MOST_IN_BYTE else np.uint16)
        for at, mask in enumerate(masks):
            for word in np.flatnonzero(mask).tolist():
                above[:, at] += np.bitwise_count(self.bits[:, word] & mask[word])
        small = bits << len(self.bits) < 1 << 32
        total = np.zeros(shape[1:], dtype=np.uint32 if small else np.int64)
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
    heads = np.zeros(count, dtype=HEAD)
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
    if int(sizes.max()) > HEAD_BYTES + 4 * words_of(slots) * (_MOST_BITS + 1) + CHECKSUM_BYTES:
        raise FrontDamaged("a front that is too long")
    for size in np.flatnonzero(np.bincount(sizes)).tolist():
        columns, rest = divmod(size - HEAD_BYTES - CHECKSUM_BYTES, 4 * words_of(slots))
        if rest:
            raise FrontDamaged("a front of part of a column")
        of_size = np.flatnonzero(sizes == size)
        for first in range(0, len(of_size), _OPENED_AT_ONCE):
            block = of_size[first : first + _OPENED_AT_ONCE]
            yield from _open(block, _words(stored, begins[block], size), columns, slots)


def front_sizes(heads: NDArray[np.void]) -> NDArray[np.int64]:
    """Bytes of the fronts that begin with these heads."""
    words = -(-heads["slots"].astype(np.int64) // _WORD_BITS)
    found: NDArray[np.int64] = HEAD_BYTES + 4 * words * heads["columns"] + CHECKSUM_BYTES
    return found


def _open(
    block: NDArray[np.intp], words: NDArray[np.uint32], columns: int, slots: int
) -> Iterator[ValueColumns]:
    """Open fronts of one size, as `_words` gives them."""
    values, sealed = words[:-_CHECKSUM_WORDS], words[-_CHECKSUM_WORDS:]
    plain = np.uint32(slots << 16 | columns << 8 | FORMAT)
    gaps = values[0] == plain | GAPS
    if (
        ((values[0] != plain) & ~gaps).any()
        or (columns > _MOST_BITS and not gaps.all())
        or (not columns and gaps.any())
    ):
        raise FrontDamaged("a format that is not known here")
    if (checksums(values.T) != np.ascontiguousarray(sealed.T).view("<u8")[:, 0]).any():
        raise FrontDamaged("the checksum does not fit")
    lowest = values[1].view(np.int32).astype(np.int64)
    bits = values[_HEAD_WORDS:].reshape(columns, words_of(slots), len(block))
    some = bool(gaps.any())
    if not some or gaps.all():
        present = bits[-1] if some else None
        yield ValueColumns(block, lowest, bits[:-1] if some else bits, present)
        return
    for at, wide in ((np.flatnonzero(~gaps), bits), (np.flatnonzero(gaps), bits[:-1])):
        present = bits[-1][:, at] if wide is not bits else None
        yield ValueColumns(block[at], lowest[at], wide[:, :, at], present)


def joined(fronts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Fronts one after another, and the size of each."""
    sizes = np.array(list(map(len, fronts)), dtype=np.int64)
    return np.frombuffer(b"".join(fronts), dtype=np.uint8), sizes


def _pieces(stored: NDArray[np.uint8], begins: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The `size` bytes from each of `begins`: (N, size)."""
    shape = len(stored) - size + 1, size
    every: NDArray[np.uint8] = np.ndarray(shape, np.uint8, stored, strides=(1, 1))
    return every[begins]


def _words(stored: NDArray[np.uint8], begins: NDArray[np.int64], size: int) -> NDArray[np.uint32]:
    """The same as words, each of all pieces in one stretch, as they are added up: (words, N)."""
    return np.ascontiguousarray(_pieces(stored, begins, size).view("<u4").T)


def _unpacked(words: NDArray[np.uint32], slots: int) -> NDArray[np.uint8]:
    """The bits of (words, N), a slot each: (N, slots)."""
    stored = np.ascontiguousarray(words.T).view(np.uint8)
    return np.unpackbits(stored, axis=1, count=slots, bitorder="little")
