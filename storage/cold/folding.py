"""Folding: entries of the tail become versions in blocks, in the caller's transaction."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from storage.cold.gather import Gathered, gather, gather_events
from storage.cold.many_runs import open_runs
from storage.cold.name_codes import NameCodes
from storage.cold.named import Named
from storage.cold.piece_columns import PieceColumns
from storage.cold.pieces import narrow
from storage.cold.pool import Connection
from storage.cold.settling import mark_due
from storage.cold.shelf import EVENTS, SLOTS, K, Shelf
from storage.cold.tail import (
    EntryDamaged,
    OpenEntry,
    TailDamaged,
    TailRow,
    open_entry,
    seal,
    unseal,
)
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry, encode_entries, pack_excluded, unpack_excluded
from storage.ports import FoldStep

MAX_READINGS: Final = 1_000_000
# What a step costs is the slots that it rewrites, however few of them are new: a second or two
# a million on a busy core, so that a step ends well within its deadline.
MAX_SLOTS: Final = 4_000_000
# An event block is not of a fixed size; register reads and late clocks of a day are few.
_SLOTS_OF_EVENTS: Final = 100
# A lock within the tenant's own schema: advisory ones are open to every login of the database.
_TAKE_TURN = "SELECT FROM fold_turn FOR UPDATE"
_OLDEST = "SELECT id, entries, readings FROM tail ORDER BY id LIMIT $1"
_BODIES = """
    SELECT id, received_at, edge, last_sequence, entries, body
    FROM tail WHERE id = ANY($1::bigint[]) ORDER BY id
"""
_SET_ASIDE = """
    INSERT INTO quarantine (edge, sequence, reason, entry) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""
_DROP = "DELETE FROM tail WHERE id = ANY($1::bigint[])"
_PUT_BACK = """
    INSERT INTO tail (id, received_at, edge, first_sequence, last_sequence, first_day, last_day,
        entries, readings, body)
    OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_Damaged = tuple[str, int, str, bytes]
_Back = tuple[TailRow, tuple[int, datetime]]


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of runs or of events as they are stored, and the row of each."""

    stored: list[UplinkEntry]
    row: list[int]

    def add(self, entry: UplinkEntry, row: int) -> None:
        self.stored.append(entry)
        self.row.append(row)


@dataclass(frozen=True, slots=True)
class _Opened:
    """Tail rows, their readable entries, and what these hold, gathered in the same order."""

    rows: Sequence[asyncpg.Record]
    of_runs: _Entries
    of_events: _Entries
    run_readings: list[int]
    event_readings: list[int]
    runs: Gathered[BlockKey]
    events: Gathered[EventKey]
    damaged: list[_Damaged]


async def fold(
    connection: Connection, *, max_entries: int, max_readings: int, max_slots: int
) -> FoldStep:
    """Fold the oldest tail rows of up to so many entries and readings, at least one row.

    Blocks of up to `max_slots` slots are written, at least one. What is left of an entry then
    stays in its row, with the readings that are in blocks excluded.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    await connection.execute(_TAKE_TURN)
    ids = _few_enough(
        await connection.fetch(_OLDEST, max_entries), entries=max_entries, readings=max_readings
    )
    if not ids:
        return FoldStep(0, 0)
    opened = await asyncio.to_thread(_open_rows, await connection.fetch(_BODIES, ids))
    runs, events = opened.runs, opened.events
    few_runs = runs.first(_fit([key.slots for key in runs.keys], max_slots))
    slots = sum(key.slots for key in few_runs.keys)
    room = max_slots - slots
    fit = _fit([_SLOTS_OF_EVENTS] * len(events.keys), room) if room > 0 or not runs.keys else 0
    few_events = events.first(fit)
    await _shelve(connection, SLOTS, few_runs)
    await _shelve(connection, EVENTS, few_events)
    if opened.damaged:
        await connection.executemany(_SET_ASIDE, opened.damaged)
    await connection.execute(_DROP, ids)
    back = []
    if few_runs is not runs or few_events is not events:
        back = await asyncio.to_thread(_left, opened, few_runs.reading, few_events.reading)
    for row, (row_id, received_at) in back:
        await connection.execute(
            _PUT_BACK,
            row_id,
            received_at,
            row.edge,
            row.first_sequence,
            row.last_sequence,
            row.first_day,
            row.last_day,
            row.entries,
            row.readings,
            row.body,
        )
    return FoldStep(
        entries=sum(row["entries"] for row in opened.rows) - sum(row.entries for row, _ in back),
        blocks=len(few_runs.keys) + len(few_events.keys),
        readings=len(few_runs.block) + len(few_events.block),
        slots=slots + _SLOTS_OF_EVENTS * len(few_events.keys),
    )


async def _shelve(connection: Connection, shelf: Shelf[K], gathered: Gathered[K]) -> None:
    for keys, versions in gathered.chunks():
        # Without FOR UPDATE: whoever writes blocks holds the turn.
        places, bodies = await shelf.rows.fetch(connection, keys)
        update = await asyncio.to_thread(
            shelf.take_in,
            keys=keys,
            places=places,
            bodies=bodies,
            versions=versions,
            edges=gathered.edges,
        )
        logged = await shelf.rows.log(connection, keys, update.replaced, update.edges)
        present, bodies = await asyncio.to_thread(update.counted(logged).sealed)
        await shelf.rows.write(connection, keys, present, bodies)
        await mark_due(connection, keys, versions)


def open_wanted(
    bodies: Sequence[bytes], *, meters: frozenset[str], first_day: int, last_day: int
) -> list[OpenEntry]:
    """The readable entries of tail rows, narrowed to what a reader wants."""
    found = []
    wanted = Named(meters)
    for body in bodies:
        try:
            entries = unseal(body)
        except TailDamaged:
            continue
        for entry in entries:
            if not wanted.may_be_in(entry.payload):
                continue
            try:
                opened = open_entry(entry)
            except EntryDamaged:
                continue
            kept = narrow(opened, meters=meters, first_day=first_day, last_day=last_day)
            if kept is not None:
                found.append(kept)
    return found


def _few_enough(rows: Sequence[asyncpg.Record], *, entries: int, readings: int) -> list[int]:
    ids: list[int] = []
    for row in rows:
        entries -= row["entries"]
        readings -= row["readings"]
        if ids and (entries < 0 or readings < 0):
            break
        ids.append(row["id"])
    return ids


def _fit(slots: list[int], room: int) -> int:
    """How many of the blocks have `room` together, at least one."""
    if not slots:
        return 0
    return max(1, int(np.searchsorted(np.cumsum(slots), room, side="right")))


def _open_rows(rows: Sequence[asyncpg.Record]) -> _Opened:
    damaged: list[_Damaged] = []
    every: list[UplinkEntry] = []
    row_of: list[int] = []
    for place, row in enumerate(rows):
        try:
            entries = unseal(row["body"])
        except TailDamaged as error:
            damaged.append((row["edge"], row["last_sequence"], str(error), row["body"]))
            continue
        every += entries
        row_of += [place] * len(entries)
    meters, registers = NameCodes(), NameCodes()
    columns, sound, others = open_runs(every, meters=meters, registers=registers)
    of_runs = _Entries([every[at] for at in sound], [row_of[at] for at in sound])
    of_events = _Entries([], [])
    more_runs: list[OpenEntry] = []
    events: list[OpenEntry] = []
    for at in others:
        try:
            entry = open_entry(every[at])
        except EntryDamaged as error:
            damaged.append(_set_aside(every[at], error))
            continue
        if isinstance(entry.batch, RunBatch):
            more_runs.append(entry)
            of_runs.add(every[at], row_of[at])
        else:
            events.append(entry)
            of_events.add(every[at], row_of[at])
    more = PieceColumns.of(more_runs, meters=meters, registers=registers)
    columns = columns.then(more)
    return _Opened(
        rows=rows,
        of_runs=of_runs,
        of_events=of_events,
        run_readings=columns.readings.tolist(),
        event_readings=[len(entry.batch) for entry in events],
        runs=gather(
            columns,
            [(entry.edge, entry.sequence) for entry in of_runs.stored],
            key=BlockKey,
            meters=meters,
            registers=registers,
        ),
        events=gather_events(events),
        damaged=damaged,
    )


def _left(opened: _Opened, of_runs: NDArray[np.int64], of_events: NDArray[np.int64]) -> list[_Back]:
    """What stays of the rows once these readings of their runs and events are in blocks."""
    left: defaultdict[int, list[UplinkEntry]] = defaultdict(list)
    for entries, readings, moved in (
        (opened.of_runs, opened.run_readings, of_runs),
        (opened.of_events, opened.event_readings, of_events),
    ):
        marks = _Marks(moved)
        for stored, row, count in zip(entries.stored, entries.row, readings, strict=True):
            excluded = unpack_excluded(stored.excluded, count) | marks.next(count)
            if not excluded.all():
                left[row].append(structs.replace(stored, excluded=pack_excluded(excluded)))
    found = []
    for place, rest in left.items():
        before = opened.rows[place]
        rest.sort(key=lambda entry: entry.sequence)
        found.append((seal(rest), (before["id"], before["received_at"])))
    return found


class _Marks:
    """Places among the readings of many entries, told an entry at a time as masks."""

    def __init__(self, places: NDArray[np.int64]) -> None:
        self._mask = np.zeros(int(places.max(initial=-1)) + 1, dtype=np.bool_)
        self._mask[places] = True
        self._at = 0

    def next(self, readings: int) -> NDArray[np.bool_]:
        found = np.zeros(readings, dtype=np.bool_)
        marked = self._mask[self._at : self._at + readings]
        found[: len(marked)] = marked
        self._at += readings
        return found


def _set_aside(entry: UplinkEntry, reason: EntryDamaged) -> _Damaged:
    # PostgreSQL's text cannot hold NUL, which a damaged entry's names may.
    return entry.edge, entry.sequence, str(reason).replace("\0", "\\0"), encode_entries([entry])
