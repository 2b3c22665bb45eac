"""The live tail's rows: uplink entries sealed as they came, and opened for reading."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.cold.outline import outline
from storage.model.payload import Batch, decode_payload
from storage.model.quality import KNOWN_QUALITY
from storage.model.runs import PayloadUnreadable, RunBatch
from storage.model.uplink import (
    UplinkEntry,
    UplinkUnreadable,
    decode_entries,
    encode_entries,
    unpack_excluded,
)

_MAX_NAME: Final = 64
MAX_DAY: Final = 2_932_896
"""The last day of the year 9999, as PostgreSQL and Python's dates can still name it."""
_MAX_BODY_BYTES: Final = 1 << 28


class TailDamaged(ValueError):
    """A tail row's body is not what was written."""


class EntryDamaged(ValueError):
    """An uplink entry cannot be taken into blocks; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRow:
    """Entries of one edge, sealed, and what a reader must know to leave them closed."""

    edge: str
    first_sequence: int
    last_sequence: int
    first_day: int
    last_day: int
    entries: int
    readings: int
    body: bytes


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry's stamp, its batch, and the mask of the readings that it excludes."""

    edge: str
    sequence: int
    batch: Batch
    excluded: NDArray[np.bool_]

    @property
    def days(self) -> NDArray[np.int32]:
        """The UTC day of each run or event."""
        return self.batch.run_day if isinstance(self.batch, RunBatch) else self.batch.event_day


def seal(entries: Sequence[UplinkEntry]) -> TailRow:
    """Make the row of `entries`: at least one, all of one edge, by rising sequence.

    An unreadable entry is sealed like the others: it was acknowledged, so it is kept. One that
    blocks cannot take may count among the readings until it is opened.
    """
    first_day, last_day, readings = MAX_DAY, 0, 0
    for entry in entries:
        # Bounds are enough here: the fold opens the entry, and sets aside what is damaged.
        known = outline(entry.payload)
        if known is None or known.days is None or not _is_date(known.days):
            continue
        readings += known.readings - _excluded(entry, known.readings)
        first_day, last_day = min(first_day, known.days[0]), max(last_day, known.days[1])
    return TailRow(
        edge=entries[0].edge,
        first_sequence=entries[0].sequence,
        last_sequence=entries[-1].sequence,
        first_day=first_day,
        last_day=last_day,
        entries=len(entries),
        readings=readings,
        body=zstandard.ZstdCompressor(level=1).compress(encode_entries(list(entries))),
    )


def unseal(body: bytes) -> list[UplinkEntry]:
    """Return the entries of a row's body.

    Raises:
        TailDamaged: the bytes are something else.
    """
    try:
        return decode_entries(
            zstandard.ZstdDecompressor().decompress(body, max_output_size=_MAX_BODY_BYTES)
        )
    except (zstandard.ZstdError, UplinkUnreadable) as error:
        raise TailDamaged(f"unreadable tail row: {error}") from error


def open_entry(entry: UplinkEntry) -> OpenEntry:
    """Decode an entry and check that blocks can take its readings.

    Raises:
        EntryDamaged: they cannot.
    """
    try:
        batch = decode_payload(entry.payload)
        excluded = unpack_excluded(entry.excluded, len(batch))
    except (PayloadUnreadable, UplinkUnreadable) as error:
        raise EntryDamaged(str(error)) from error
    if not names_are_sound([*batch.meters, *batch.registers]):
        raise EntryDamaged(f"a name that is empty, has NUL or is longer than {_MAX_NAME}")
    # An edge of a newer version may know more; a block with it could not be read again here.
    if not KNOWN_QUALITY[batch.quality[~excluded]].all():
        raise EntryDamaged("a quality that this version does not know")
    if isinstance(batch, RunBatch):
        if batch.runs and int(batch.run_start.max()) // 86_400 > MAX_DAY:
            raise EntryDamaged("a run after the year 9999")
        if _names_slot_twice(batch, excluded):
            raise EntryDamaged("a slot named twice")
    return OpenEntry(entry.edge, entry.sequence, batch, excluded)


def names_are_sound(names: Sequence[str]) -> bool:
    """Whether rows of blocks can have these names."""
    lengths = set(map(len, names))
    if lengths and not 0 < min(lengths) <= max(lengths) <= _MAX_NAME:
        return False
    return "\0" not in "".join(names)


def _is_date(days: tuple[int, int]) -> bool:
    return days[0] >= 0 and days[1] <= MAX_DAY


def _excluded(entry: UplinkEntry, readings: int) -> int:
    if not entry.excluded:
        return 0
    return (int.from_bytes(entry.excluded, "little") & ((1 << readings) - 1)).bit_count()


def _names_slot_twice(batch: RunBatch, excluded: NDArray[np.bool_]) -> bool:
    meter = batch.run_meter
    if len(set(batch.meters)) != len(batch.meters):
        first_index: dict[str, int] = {}
        meter_index = [first_index.setdefault(name, at) for at, name in enumerate(batch.meters)]
        meter = np.array(meter_index, dtype=np.int32)[meter]
    elif (meter[1:] > meter[:-1]).all():
        return False
    start, interval_s = batch.run_start, batch.run_interval_s
    order = np.lexsort((start, interval_s, batch.run_register, meter))
    ends = (start + batch.run_length * interval_s.astype(np.int64))[order]
    overlap = ends[:-1] > start[order][1:]
    for column in (interval_s, batch.run_register, meter):
        overlap &= column[order][:-1] == column[order][1:]
    if not overlap.any():
        return False
    # Runs overlap: what counts is whether readings do that were not excluded.
    run = batch.run_of_reading()
    within = np.arange(len(batch)) - batch.offsets[run]
    at = start[run] + within * interval_s[run]
    named = np.stack((at, interval_s[run], batch.run_register[run], meter[run]), axis=1)[~excluded]
    return len(np.unique(named, axis=0)) < len(named)
