"""The columns of an Arrow record batch as numpy's, nulls set apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrow_frames import ArrowField, BadStream
from functions.mdms.flat_table import FlatTable

_MOST: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers: 64 bits, where there is none, and where 64 bits are too few."""

    value: NDArray[np.int64]
    missing: NDArray[np.bool_]
    beyond: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts: each word once or more, and each row's place among them, -1 for none."""

    words: list[str]
    place: NDArray[np.int64]


class BatchColumns:
    """The buffers of one record batch, taken in the order of the schema's columns."""

    def __init__(self, batch: FlatTable, body: memoryview) -> None:
        """Read what the batch says of its buffers.

        Raises:
            BadStream, BadTable: they are compressed, or lie outside; so may the methods below.
        """
        if batch.table(3) is not None:
            raise BadStream("its buffers are compressed: send them plain under a Content-Encoding")
        self.rows = batch.number(0, "<q")
        if not 0 <= self.rows <= 8 * len(body):
            raise BadStream(f"a batch says that it has {self.rows} rows")
        self._body = body
        self._nodes: Iterator[tuple[int, int]] = iter(batch.pairs(1))
        self._buffers: Iterator[tuple[int, int]] = iter(batch.pairs(2))

    def numbers(self, field: ArrowField) -> Numbers:
        """The next column, which is one of numbers (or of places in a dictionary)."""
        valid = self._validity()
        found = self._array(field.dtype, self.rows)
        beyond = valid & (found > _MOST) if field.dtype == np.uint64 else np.zeros_like(valid)
        value = np.where(valid & ~beyond, found, 0).astype(np.int64)
        return Numbers(value, ~valid, beyond)

    def texts(self, dtype: np.dtype[np.signedinteger | np.unsignedinteger]) -> Texts:
        """The next column, which is one of texts between offsets of `dtype`."""
        valid = self._validity()
        offset = self._array(dtype, self.rows + 1 if self.rows else 0).astype(np.int64)
        letters = bytes(self._buffer())
        if len(offset) and (
            offset[0] < 0 or offset[-1] > len(letters) or (offset[1:] < offset[:-1]).any()
        ):
            raise BadStream("its texts lie outside of their buffer")
        ends = offset.tolist()
        try:
            words = [letters[a:b].decode() for a, b in pairwise(ends)]
        except UnicodeDecodeError as error:
            raise BadStream(f"a text is not UTF-8: {error}") from error
        place = np.where(valid, np.arange(self.rows, dtype=np.int64), np.int64(-1))
        return Texts(words, place)

    def _validity(self) -> NDArray[np.bool_]:
        rows, nulls = next(self._nodes, (-1, 0))
        if rows != self.rows:
            raise BadStream("a column has another number of rows than its batch")
        bits = self._buffer()
        if not nulls:
            return np.ones(rows, dtype=np.bool_)
        if len(bits) * 8 < rows:
            raise BadStream("a buffer is too short for its column")
        bitmap = np.frombuffer(bits, dtype=np.uint8)
        return np.unpackbits(bitmap, count=rows, bitorder="little").astype(np.bool_)

    def _array(
        self, dtype: np.dtype[np.signedinteger | np.unsignedinteger], count: int
    ) -> NDArray[np.signedinteger | np.unsignedinteger]:
        buffer = self._buffer()
        if len(buffer) < count * dtype.itemsize:
            raise BadStream("a buffer is too short for its column")
        return np.frombuffer(buffer, dtype=dtype, count=count)

    def _buffer(self) -> memoryview:
        offset, length = next(self._buffers, (-1, 0))
        if offset < 0 or length < 0 or offset + length > len(self._body):
            raise BadStream("a buffer lies outside of its message")
        return self._body[offset : offset + length]


def instants_of(numbers: Numbers, micros: int) -> Numbers:
    """Counts of a unit of `micros` (0: nanoseconds) as microseconds, where 64 bits hold them."""
    if micros == 0:
        value, rest = np.divmod(numbers.value, 1_000)
        # A part of a microsecond must not look like a whole second.
        value += (rest != 0) & (value % 1_000_000 == 0)
        return Numbers(value, numbers.missing, numbers.beyond)
    beyond = (numbers.value > _MOST // micros) | (numbers.value < -_MOST // micros)
    return Numbers(np.where(beyond, 0, numbers.value) * micros, numbers.missing, beyond)
