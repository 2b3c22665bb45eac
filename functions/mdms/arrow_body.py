"""Arrow IPC stream: readings as columns, for head-ends that send in bulk."""

from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.arrow_columns import BatchColumns, Numbers, Texts, instants_of
from functions.mdms.arrow_frames import (
    BATCH,
    DICTIONARY,
    SCHEMA,
    ArrowField,
    BadStream,
    fields_of,
    messages,
)
from functions.mdms.flat_table import BadTable
from functions.mdms.readings_body import MalformedBody
from functions.mdms.reason import Reason
from functions.mdms.series_columns import (
    DAY_S,
    MAX_REGISTERS,
    TooManyReadings,
    TooManyRegisters,
)

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
_NEEDED: Final = ("meter_id", "register", "at", "value")
_COLUMNS: Final = (*_NEEDED, "interval_s", "quality")
_TEXTS: Final = ("meter_id", "register")
_NOTHING: Final = np.zeros(0, dtype=np.int64)


def read_arrow(body: bytes, *, max_readings: int) -> Arrivals:
    """Decode batches of the columns meter_id, register, at, value, interval_s, quality.

    `meter_id` and `register` are text or dictionaries of it, `at` a timestamp with a time zone, the
    others integers; the last two may be missing or null (a register read; 0). A null among the
    first four costs its reading, which is marked in `Arrivals.fault`.

    Raises:
        MalformedBody: no such stream, or columns of other names or types.
        TooManyReadings, TooManyRegisters: the body holds more than one request may.
    """
    try:
        columns = _read(body, max_readings)
    except (BadStream, BadTable) as refusal:
        raise MalformedBody(f"no Arrow IPC stream of readings: {refusal}") from refusal
    if len(columns.names["register"]) > MAX_REGISTERS:
        raise TooManyRegisters(len(columns.names["register"]))
    at, value = columns.joined("at"), columns.joined("value")
    rows = len(value.value)
    fault = np.zeros(rows, dtype=np.uint8)
    fault[value.beyond] = Reason.VALUE_RANGE
    error: dict[int, str] = {}
    for name in _NEEDED:
        column = columns.joined(name)
        missing = column.missing | column.beyond if name == "at" else column.missing
        fault[missing] = Reason.MALFORMED_READING
        what = f"`{name}` is null" + (" or no instant of ours" if name == "at" else "")
        error |= dict.fromkeys(np.flatnonzero(missing).tolist(), what)
    length = _optional(columns.joined("interval_s"), rows)
    return Arrivals(
        meters=list(columns.names["meter_id"]),
        registers=list(columns.names["register"]),
        series_length=np.array([rows], dtype=np.int64),
        run_meter=columns.joined("meter_id").value,
        run_register=columns.joined("register").value,
        run_interval_s=np.where((length >= 0) & (length <= DAY_S), length, np.int64(-1)),
        run_start_us=np.where(at.beyond, 0, at.value),
        run_length=np.ones(rows, dtype=np.int64),
        values=value.value,
        quality=_optional(columns.joined("quality"), rows),
        fault=fault,
        error=error,
        listed=True,
    )


class _Columns:
    """What the batches so far have brought: numbers, and each name's place among all names."""

    def __init__(self) -> None:
        self.parts: defaultdict[str, list[Numbers]] = defaultdict(list)
        self.names: dict[str, dict[str, int]] = {name: {} for name in _TEXTS}

    def add_texts(self, name: str, texts: Texts) -> None:
        """Take in a batch's column of names; a missing one points at an empty name."""
        known = self.names[name]
        # The last one is for the places of -1.
        words = [*texts.words, ""] if (texts.place < 0).any() else texts.words
        of_word = np.array(
            [known.setdefault(word, len(known)) for word in words] or [0], dtype=np.int64
        )
        missing = texts.place < 0
        self.parts[name].append(Numbers(of_word[texts.place], missing, np.zeros_like(missing)))

    def joined(self, name: str) -> Numbers:
        """The column through all batches; empty when there is none of that name."""
        parts = self.parts[name]
        return Numbers(
            np.concatenate([_NOTHING, *(one.value for one in parts)]),
            np.concatenate([_NOTHING.astype(np.bool_), *(one.missing for one in parts)]),
            np.concatenate([_NOTHING.astype(np.bool_), *(one.beyond for one in parts)]),
        )


def _read(body: bytes, max_readings: int) -> _Columns:
    fields: list[ArrowField] | None = None
    dictionaries: dict[int, list[str]] = {}
    columns = _Columns()
    rows = 0
    for kind, header, buffers in messages(body):
        if kind == SCHEMA and fields is None:
            fields = fields_of(header)
            _check(fields)
        elif fields is None:
            raise BadStream("it does not begin with a schema")
        elif kind == DICTIONARY:
            data = header.table(1)
            if data is None:
                raise BadStream("a dictionary has no data")
            batch = BatchColumns(data, buffers)
            number = header.number(0, "<q")
            width = next((one.letters for one in fields if one.dictionary == number), None)
            if width is None:
                raise BadStream(f"no column has the dictionary {number}")
            texts = batch.texts(width)
            if not header.number(2, "<B"):
                dictionaries[number] = []
            # A null word is never among a meter's or a register's: the registry finds it.
            dictionaries.setdefault(number, []).extend(texts.words)
        elif kind == BATCH:
            batch = BatchColumns(header, buffers)
            rows += batch.rows
            if rows > max_readings:
                raise TooManyReadings(rows, max_readings)
            for field in fields:
                _take(columns, field, batch, dictionaries)
        else:
            raise BadStream(f"it has a message of kind {kind}")
    if fields is None:
        raise BadStream("it is empty")
    return columns


def _take(
    columns: _Columns, field: ArrowField, batch: BatchColumns, dictionaries: dict[int, list[str]]
) -> None:
    if not field.is_text:
        numbers = batch.numbers(field)
        if field.micros is not None:
            numbers = instants_of(numbers, field.micros)
        columns.parts[field.name].append(numbers)
    elif field.dictionary is None:
        columns.add_texts(field.name, batch.texts(field.dtype))
    else:
        words = dictionaries.get(field.dictionary, [])
        index = batch.numbers(field)
        place = np.where(index.missing, np.int64(-1), index.value)
        if ((place >= len(words)) | (~index.missing & (place < 0))).any():
            raise BadStream(f"`{field.name}` points outside of its dictionary")
        used, place = np.unique(place, return_inverse=True)
        nothing = len(used) > 0 and used[0] < 0
        columns.add_texts(
            field.name,
            Texts([words[at] for at in used[int(nothing) :].tolist()], place - int(nothing)),
        )


def _check(fields: list[ArrowField]) -> None:
    names = [field.name for field in fields]
    if (
        not set(_NEEDED) <= set(names)
        or not set(names) <= set(_COLUMNS)
        or len(set(names)) < len(names)
    ):
        raise BadStream(f"it has the columns {str(names)[:300]}; known are {', '.join(_COLUMNS)}")
    for field in fields:
        if field.is_text != (field.name in _TEXTS):
            raise BadStream(f"its column `{field.name}` is of another type")
        if (field.micros is None) == (field.name == "at"):
            raise BadStream(f"its column `{field.name}` is of another type")


def _optional(column: Numbers, rows: int) -> NDArray[np.int64]:
    if not len(column.value):
        return np.zeros(rows, dtype=np.int64)
    return np.where(column.beyond, np.int64(-1), column.value)
