"""Arrow IPC streams as another implementation writes them, for tests."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import arro3.core as arrow
from arro3.io import write_ipc_stream

INSTANT = arrow.DataType.timestamp("us", tz="UTC")
TYPES = {
    "meter_id": arrow.DataType.utf8(),
    "register": arrow.DataType.utf8(),
    "at": INSTANT,
    "value": arrow.DataType.int64(),
    "interval_s": arrow.DataType.int32(),
    "quality": arrow.DataType.uint8(),
}


def micros(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 text."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def stream(columns: Mapping[str, Any], *, compression: Any = None) -> bytes:
    """A stream of one batch; a column is an Arrow array or what becomes one of its usual type."""
    batch = arrow.RecordBatch.from_pydict(
        {name: _array(name, column) for name, column in columns.items()}
    )
    written = io.BytesIO()
    write_ipc_stream(batch, written, compression=compression)
    return written.getvalue()


def stream_of(readings: Sequence[dict[str, Any]]) -> bytes:
    """A stream of readings in the form of a list's."""
    columns: dict[str, list[Any]] = {
        name: [one.get(name) for one in readings] for name in TYPES if name != "at"
    }
    columns["at"] = [micros(one["at"]) for one in readings]
    return stream(columns)


def _array(name: str, column: Any) -> arrow.Array:
    if isinstance(column, arrow.Array):
        return column
    if name == "at":
        return arrow.Array(column, arrow.DataType.int64()).cast(INSTANT)
    return arrow.Array(column, TYPES[name])
