"""Flatbuffers tables as Arrow's metadata has them: read where they lie, every bound checked."""

import struct


class BadTable(ValueError):
    """A table points outside of its buffer."""


class FlatTable:
    """The table at a place in its buffer; a field that it lacks reads as 0, empty or None."""

    __slots__ = ("_at", "_fields", "_flat", "_size")

    def __init__(self, flat: bytes, at: int) -> None:
        """Read the table's own head.

        Raises:
            BadTable: it lies outside; so may every method below.
        """
        self._flat, self._at = flat, at
        self._fields = at - _number(flat, at, "<i")
        self._size = _number(flat, self._fields, "<H")

    @classmethod
    def root(cls, flat: bytes) -> "FlatTable":
        """The table that a buffer is about."""
        return cls(flat, _number(flat, 0, "<I"))

    def number(self, index: int, form: str) -> int:
        """The number of `struct` format `form` in field `index`."""
        place = self._place(index)
        return _number(self._flat, place, form) if place else 0

    def table(self, index: int) -> "FlatTable | None":
        """The table that field `index` points to."""
        place = self._pointed(index)
        return FlatTable(self._flat, place) if place else None

    def text(self, index: int) -> str:
        """The text that field `index` points to."""
        place = self._pointed(index)
        if not place:
            return ""
        size = _number(self._flat, place, "<I")
        try:
            return self._flat[place + 4 : place + 4 + size].decode()
        except UnicodeDecodeError as error:
            raise BadTable("a name is not UTF-8") from error

    def tables(self, index: int) -> "list[FlatTable]":
        """The tables of the vector in field `index`."""
        place, count = self._vector(index, 4)
        at = range(place, place + 4 * count, 4)
        return [FlatTable(self._flat, one + _number(self._flat, one, "<I")) for one in at]

    def pairs(self, index: int) -> list[tuple[int, int]]:
        """The pairs of 64-bit numbers of the vector in field `index`."""
        place, count = self._vector(index, 16)
        flat = memoryview(self._flat)[place : place + 16 * count]
        return list(struct.iter_unpack("<qq", flat))

    def _place(self, index: int) -> int:
        entry = 4 + 2 * index
        if entry + 2 > self._size:
            return 0
        step = _number(self._flat, self._fields + entry, "<H")
        return self._at + step if step else 0

    def _pointed(self, index: int) -> int:
        place = self._place(index)
        return place + _number(self._flat, place, "<I") if place else 0

    def _vector(self, index: int, size: int) -> tuple[int, int]:
        place = self._pointed(index)
        if not place:
            return 0, 0
        count = _number(self._flat, place, "<I")
        if place + 4 + size * count > len(self._flat):
            raise BadTable("a vector leaves its buffer")
        return place + 4, count


def _number(flat: bytes, at: int, form: str) -> int:
    if at < 0:
        raise BadTable("a table points before its buffer")
    try:
        number: int = struct.unpack_from(form, flat, at)[0]
    except struct.error as error:
        raise BadTable("a table points behind its buffer") from error
    return number
