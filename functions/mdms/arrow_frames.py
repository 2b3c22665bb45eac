"""The messages of an Arrow IPC stream, and the schema that is the first of them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from functions.mdms.flat_table import FlatTable

SCHEMA, DICTIONARY, BATCH = 1, 2, 3
"""Kinds of a message (Message.fbs)."""
MAX_MESSAGES: Final = 4_096
"""Each costs some microseconds, even an empty one: they must not hold a worker."""
_CONTINUES: Final = 0xFFFFFFFF
_INT, _UTF8, _TIMESTAMP, _LARGE_UTF8 = 2, 5, 10, 20
_MICROS_OF_UNIT: Final = (1_000_000, 1_000, 1, 0)


class BadStream(ValueError):
    """The bytes are no Arrow IPC stream of readings; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowField:
    """A column of the schema. Numbers are of `dtype`, texts lie between offsets of `dtype`.

    `dictionary` is the id of the dictionary of texts that numbers point into, which lie between
    offsets of `letters`. `micros` of an
    instant are those of its unit, 0 for nanoseconds; None when the column is none.
    """

    name: str
    is_text: bool
    dtype: np.dtype[np.signedinteger | np.unsignedinteger]
    dictionary: int | None = None
    letters: np.dtype[np.signedinteger | np.unsignedinteger] | None = None
    micros: int | None = None


def messages(body: bytes) -> Iterator[tuple[int, FlatTable, memoryview]]:
    """Kind, header and buffers of each message of the stream `body`.

    Raises:
        BadStream, BadTable: no such stream, or one that breaks off.
    """
    at = count = 0
    while at < len(body):
        count += 1
        if count > MAX_MESSAGES:
            raise BadStream(f"it has more than {MAX_MESSAGES} messages")
        if at + 8 > len(body):
            raise BadStream("it breaks off")
        mark, size = struct.unpack_from("<Ii", body, at)
        if mark != _CONTINUES or size < 0:
            raise BadStream("no message begins where one should")
        if size == 0:
            return
        message = FlatTable.root(body[at + 8 : at + 8 + size])
        kind, length = message.number(1, "<B"), message.number(3, "<q")
        begin = at + 8 + size
        header = message.table(2)
        if length < 0 or begin + length > len(body):
            raise BadStream("it breaks off within a message")
        if header is None:
            raise BadStream("a message has no header")
        yield kind, header, memoryview(body)[begin : begin + length]
        at = begin + length


def fields_of(schema: FlatTable) -> list[ArrowField]:
    """The columns that a schema names.

    Raises:
        BadStream, BadTable: one of a type that no column of readings has.
    """
    if schema.number(0, "<h"):
        raise BadStream("its numbers are big-endian")
    return [_field(one) for one in schema.tables(1)]


def _field(field: FlatTable) -> ArrowField:
    name, kind, form, coding = field.text(0), field.number(2, "<B"), field.table(3), field.table(4)
    if coding is not None and kind in (_UTF8, _LARGE_UTF8):
        index = coding.table(1)
        dtype = np.dtype("<i4") if index is None else _integer(index)
        return ArrowField(
            name=name,
            is_text=True,
            dtype=dtype,
            dictionary=coding.number(0, "<q"),
            letters=text_offsets(kind == _LARGE_UTF8),
        )
    if form is not None and coding is None:
        if kind == _INT:
            return ArrowField(name=name, is_text=False, dtype=_integer(form))
        if kind in (_UTF8, _LARGE_UTF8):
            return ArrowField(name=name, is_text=True, dtype=text_offsets(kind == _LARGE_UTF8))
        if kind == _TIMESTAMP and form.text(1) and 0 <= (unit := form.number(0, "<h")) <= 3:
            return ArrowField(
                name=name, is_text=False, dtype=np.dtype("<i8"), micros=_MICROS_OF_UNIT[unit]
            )
    raise BadStream(
        f"its column {name[:64]!r} is neither an integer, nor text or a dictionary of it, nor a "
        "timestamp with a time zone"
    )


def text_offsets(large: bool) -> np.dtype[np.signedinteger | np.unsignedinteger]:
    """How wide the offsets of texts are."""
    return np.dtype("<i8" if large else "<i4")


def _integer(form: FlatTable) -> np.dtype[np.signedinteger | np.unsignedinteger]:
    bits, signed = form.number(0, "<i"), form.number(1, "<B")
    if bits not in (8, 16, 32, 64):
        raise BadStream(f"it has integers of {bits} bits")
    return np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")
