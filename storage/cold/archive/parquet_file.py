"""Blocks of the record as a Parquet file, a row a reading, and back without loss.

Sorted by meter and instant; zstd. Needs `arro3-io` (`pip install gridfaas[archive]`).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import SLOT, BlockKey, RecordBlock
from storage.model.runs import DAY_S

ROWS_A_GROUP: Final = 65_536
COMPRESSION: Final = "zstd(3)"
_READ_ROWS: Final = 65_536
_HASHED_AT_ONCE: Final = 1 << 20
_COLUMNS: Final = {
    "raw": ("value", np.int32),
    "final": ("final", np.int32),
    "quality": ("quality", np.uint8),
    "flags": ("flags", np.uint8),
    "revision": ("revision", np.uint16),
}
Blocks = Mapping[BlockKey, RecordBlock]


class ArchiveMissing(RuntimeError):
    """The library that writes and reads Parquet is not installed."""

    def __init__(self) -> None:
        super().__init__("the Parquet archive needs arro3-io: pip install 'gridfaas[archive]'")


class ArchiveDamaged(ValueError):
    """A file of the archive is not what was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file on disk: its SHA-256 in hex, its bytes, and its rows."""

    sha256: str
    size: int
    rows: int


def write_file(path: Path, blocks: Blocks) -> Written:
    """Write blocks of one register and interval length; on disk when this returns.

    Raises:
        ArchiveMissing: see there.
        OSError: the file cannot be written; none is left.
    """
    core, files = _arro3()
    keys = sorted(blocks)
    present = [np.flatnonzero(blocks[key].present) for key in keys]
    columns: dict[str, Any] = {
        "meter_id": _texts(core, [k.meter_id for k in keys], [len(p) for p in present]),
        "at": _instants(core, keys, present),
    }
    for field, (name, kind) in _COLUMNS.items():
        rows = [blocks[key].slots[field][at] for key, at in zip(keys, present, strict=True)]
        columns[name] = core.Array.from_numpy(_joined(rows, kind))
    for name in ("sequence", "raw_sequence"):
        rows = [getattr(blocks[k], name)[at] for k, at in zip(keys, present, strict=True)]
        columns[name] = core.Array.from_numpy(_joined(rows, np.int64))
    for name in ("edge", "raw_edge"):
        named: list[str] = []
        for key, at in zip(keys, present, strict=True):
            edges = blocks[key].edges
            named += [edges[one] for one in getattr(blocks[key], name)[at].tolist()]
        columns[name] = core.Array(named, type=core.DataType.utf8())
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        files.write_parquet(
            core.Table.from_pydict(columns),
            partial,
            compression=COMPRESSION,
            max_row_group_size=ROWS_A_GROUP,
        )
        _settle(partial)
        partial.replace(path)
        _settle(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Written(hash_of(path), path.stat().st_size, sum(map(len, present)))


def read_file(
    path: Path, *, register: str, interval_s: int, expected_sha256: str
) -> dict[BlockKey, RecordBlock]:
    """Read the blocks of a file back.

    Raises:
        ArchiveMissing: see there.
        ArchiveDamaged: the file is gone, or is another than was written.
    """
    _, files = _arro3()
    try:
        found = hash_of(path)
    except OSError as error:
        raise ArchiveDamaged(f"{path}: {error}") from error
    if found != expected_sha256:
        raise ArchiveDamaged(f"{path} has SHA-256 {found}, not {expected_sha256}")
    table = files.read_parquet(path, batch_size=_READ_ROWS).read_all()
    meters = np.array(table["meter_id"].combine_chunks().to_pylist(), dtype=object)
    if not len(meters):
        return {}
    numbers = {
        name: table[name].combine_chunks().to_numpy()
        for name in (*(one for one, _ in _COLUMNS.values()), "sequence", "raw_sequence")
    }
    seconds = _seconds(table)
    edges = {
        name: np.array(table[name].combine_chunks().to_pylist(), dtype=object)
        for name in ("edge", "raw_edge")
    }
    day = seconds // DAY_S
    begins = np.flatnonzero((meters[1:] != meters[:-1]) | (day[1:] != day[:-1])) + 1
    blocks: dict[BlockKey, RecordBlock] = {}
    for rows in np.split(np.arange(len(meters)), begins):
        key = BlockKey(meters[rows[0]], register, int(day[rows[0]]), interval_s)
        slot = (seconds[rows] % DAY_S // interval_s).astype(np.int64)
        blocks[key] = _block(key, slot, rows, numbers, edges)
    return blocks


def hash_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    told = sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASHED_AT_ONCE):
            told.update(piece)
    return told.hexdigest()


def same(one: RecordBlock, other: RecordBlock) -> bool:
    """Whether two blocks say the same, stamps included, however their edges are numbered."""
    names = tuple(sorted({*one.edges, *other.edges}))
    left, right = one.with_edges(names), other.with_edges(names)
    return all(
        np.array_equal(getattr(left, column), getattr(right, column))
        for column in ("slots", "sequence", "edge", "raw_sequence", "raw_edge")
    )


def _block(
    key: BlockKey,
    slot: NDArray[np.int64],
    rows: NDArray[np.int64],
    numbers: Mapping[str, NDArray[Any]],
    edges: Mapping[str, NDArray[Any]],
) -> RecordBlock:
    names = tuple(sorted({*edges["edge"][rows], *edges["raw_edge"][rows]}))
    index = {name: at for at, name in enumerate(names)}
    block = RecordBlock.empty(key.slots, names, layout=SLOT)
    for field, (name, _) in _COLUMNS.items():
        block.slots[field][slot] = numbers[name][rows]
    block.sequence[slot] = numbers["sequence"][rows]
    block.raw_sequence[slot] = numbers["raw_sequence"][rows]
    block.edge[slot] = [index[name] for name in edges["edge"][rows]]
    block.raw_edge[slot] = [index[name] for name in edges["raw_edge"][rows]]
    return block


def _texts(core: Any, names: Sequence[str], counts: Sequence[int]) -> Any:
    repeated = [name for name, n in zip(names, counts, strict=True) for _ in range(n)]
    return core.Array(repeated, type=core.DataType.utf8())


def _instants(core: Any, keys: Sequence[BlockKey], present: Sequence[NDArray[np.intp]]) -> Any:
    starts = [
        (key.day * DAY_S + at.astype(np.int64) * key.interval_s) * 1_000
        for key, at in zip(keys, present, strict=True)
    ]
    instants = core.Array.from_numpy(_joined(starts, np.int64))
    return instants.cast(core.DataType.timestamp("ms", tz="UTC"))


def _seconds(table: Any) -> NDArray[np.int64]:
    from arro3.core import DataType

    millis = table["at"].combine_chunks().cast(DataType.int64()).to_numpy()
    seconds: NDArray[np.int64] = millis // 1_000
    return seconds


def _joined(parts: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=kind), *parts]).astype(kind)


def _settle(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _arro3() -> tuple[Any, Any]:
    try:
        # Loaded when it is used: most installations never archive.
        from arro3 import core, io
    except ImportError as error:
        raise ArchiveMissing from error
    return core, io
