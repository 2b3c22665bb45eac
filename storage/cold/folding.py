"""Folding: entries of the tail become versions in blocks, in the caller's transaction."""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from storage.cold.gather import Gathered, gather_events, gather_runs
from storage.cold.pieces import narrow
from storage.cold.pool import Connection
from storage.cold.shelf import EVENTS, SLOTS, K, Shelf
from storage.cold.tail import EntryDamaged, OpenEntry, TailDamaged, open_entry, unseal
from storage.model.uplink import UplinkEntry, encode_entries

MAX_READINGS: Final = 1_000_000
# A lock within the tenant's own schema: advisory ones are open to every login of the database.
_TAKE_TURN = "SELECT FROM fold_turn FOR UPDATE"
_OLDEST = "SELECT id, entries, readings FROM tail ORDER BY id LIMIT $1"
_BODIES = "SELECT edge, last_sequence, body FROM tail WHERE id = ANY($1::bigint[]) ORDER BY id"
_SET_ASIDE = """
    INSERT INTO quarantine (edge, sequence, reason, entry) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""
_DROP = "DELETE FROM tail WHERE id = ANY($1::bigint[])"
_Damaged = tuple[str, int, str, bytes]


async def fold(connection: Connection, *, max_entries: int) -> int:
    """Fold the oldest tail rows of up to `max_entries` entries, at least one row.

    Returns the number of entries that left the tail; 0 only when it was empty.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    await connection.execute(_TAKE_TURN)
    ids, count = _few_enough(await connection.fetch(_OLDEST, max_entries), max_entries)
    if not ids:
        return 0
    entries, damaged = await asyncio.to_thread(_open_rows, await connection.fetch(_BODIES, ids))
    await _shelve(connection, SLOTS, await asyncio.to_thread(gather_runs, entries))
    await _shelve(connection, EVENTS, await asyncio.to_thread(gather_events, entries))
    if damaged:
        await connection.executemany(_SET_ASIDE, damaged)
    await connection.execute(_DROP, ids)
    return count


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


def open_wanted(
    bodies: Sequence[bytes], *, meters: frozenset[str], first_day: int, last_day: int
) -> list[OpenEntry]:
    """The readable entries of tail rows, narrowed to what a reader wants."""
    found = []
    for body in bodies:
        try:
            entries = unseal(body)
        except TailDamaged:
            continue
        for entry in entries:
            try:
                opened = open_entry(entry)
            except EntryDamaged:
                continue
            kept = narrow(opened, meters=meters, first_day=first_day, last_day=last_day)
            if kept is not None:
                found.append(kept)
    return found


def _few_enough(rows: Sequence[asyncpg.Record], max_entries: int) -> tuple[list[int], int]:
    ids: list[int] = []
    entries = readings = 0
    for row in rows:
        too_many = entries + row["entries"] > max_entries
        if ids and (too_many or readings + row["readings"] > MAX_READINGS):
            break
        ids.append(row["id"])
        entries += row["entries"]
        readings += row["readings"]
    return ids, entries


def _open_rows(rows: Sequence[asyncpg.Record]) -> tuple[list[OpenEntry], list[_Damaged]]:
    opened: list[OpenEntry] = []
    damaged: list[_Damaged] = []
    for row in rows:
        try:
            entries = unseal(row["body"])
        except TailDamaged as error:
            damaged.append((row["edge"], row["last_sequence"], str(error), row["body"]))
            continue
        for entry in entries:
            try:
                opened.append(open_entry(entry))
            except EntryDamaged as error:
                damaged.append(_set_aside(entry, error))
    return opened, damaged


def _set_aside(entry: UplinkEntry, reason: EntryDamaged) -> _Damaged:
    # PostgreSQL's text cannot hold NUL, which a damaged entry's names may.
    return entry.edge, entry.sequence, str(reason).replace("\0", "\\0"), encode_entries([entry])
