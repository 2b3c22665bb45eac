"""What a record must hold after given uplink entries, said reading by reading."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.event_block import EVENT, EventKey
from storage.model.events import EventBatch
from storage.model.payload import decode_payload
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from storage.model.revision import Revision
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded, unpack_excluded
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY, Run, batch_of

Version = tuple[int, int, str, int, int]
"""Class, sequence, edge, value, quality: the order of tuples is the rank."""
Place = tuple[BlockKey | EventKey, int]
"""A block, and the slot or the second in it."""
QUALITIES = [Quality.VALID, Quality.EDITED, Quality.ESTIMATED]


def entry(
    *runs: Run, sequence: int, edge: str = "zone-3a", excluded: Sequence[int] = ()
) -> UplinkEntry:
    batch = batch_of(*runs)
    mask = np.zeros(len(batch), dtype=np.bool_)
    mask[list(excluded)] = True
    return UplinkEntry(edge, sequence, pack_excluded(mask), batch.encode())


def event_entry(
    *events: Event, sequence: int, edge: str = "zone-3a", excluded: Sequence[int] = ()
) -> UplinkEntry:
    batch = events_of(*events)
    mask = np.zeros(len(batch), dtype=np.bool_)
    mask[list(excluded)] = True
    return UplinkEntry(edge, sequence, pack_excluded(mask), batch.encode())


def a_day_of_traffic(seed: int, *, entries: int = 59) -> list[UplinkEntry]:
    """Live instants, backfilled days, register reads, late clocks, corrections and estimates.

    Of a few meters, at two edges.
    """
    rng = random.Random(seed)
    found = []
    for sequence in range(1, entries + 1):
        stamp = {"sequence": sequence * 1000, "edge": rng.choice(["zone-3a", "zone-3b"])}
        excluded = [0] if rng.random() < 0.2 else []
        if rng.random() < 0.4:
            some = [_an_event(rng) for _ in range(rng.randrange(1, 9))]
            distinct = {(one.key, one.at): one for one in some}
            found.append(event_entry(*distinct.values(), **stamp, excluded=excluded))
        else:
            runs = [_a_run(rng, meter) for meter in rng.sample(range(6), k=3)]
            found.append(entry(*runs, **stamp, excluded=excluded))
    return found


def _a_run(rng: random.Random, meter: int) -> Run:
    length = rng.choice([1, 1, 4, 20])
    return Run(
        values=[rng.randrange(-50, 3000) for _ in range(length)],
        meter_id=f"M-{meter}",
        day=DAY + rng.randrange(2),
        slot=rng.randrange(24),
        interval_s=rng.choice([900, 900, 1800]),
        quality=rng.choice(QUALITIES),
    )


def _an_event(rng: random.Random) -> Event:
    return Event(
        value=rng.choice([rng.randrange(-50, 3000), rng.randrange(2**62)]),
        at=rng.choice([7, 43_207, 86_399, rng.randrange(60) + 1]),
        meter_id=f"M-{rng.randrange(6)}",
        day=DAY + rng.randrange(2),
        interval_s=rng.choice([0, 0, 900]),
        quality=rng.choice(QUALITIES),
    )


def expected(entries: Iterable[UplinkEntry]) -> dict[BlockKey, NDArray[np.void]]:
    """The blocks of slots after `entries`, in any order and repetition."""
    blocks: dict[BlockKey, NDArray[np.void]] = {}
    for (key, slot), found in _versions(entries).items():
        if isinstance(key, BlockKey):
            block = blocks.setdefault(key, np.zeros(key.slots, dtype=SLOT))
            block[slot] = _held(found)
    return blocks


def expected_events(entries: Iterable[UplinkEntry]) -> dict[EventKey, NDArray[np.void]]:
    """The event blocks after `entries`, in any order and repetition."""
    blocks: defaultdict[EventKey, list[tuple[int, ...]]] = defaultdict(list)
    for (key, second), found in _versions(entries).items():
        if isinstance(key, EventKey):
            blocks[key].append((second, *_held(found)))
    return {key: np.array(sorted(events), dtype=EVENT) for key, events in blocks.items()}


def expected_revisions(entries: Iterable[UplinkEntry]) -> list[Revision]:
    """Every version after `entries` that does not count."""
    revisions = []
    for (key, slot), found in _versions(entries).items():
        second = slot * key.interval_s if isinstance(key, BlockKey) else slot
        for _, sequence, edge, value, quality in sorted(found)[:-1]:
            at = key.day * DAY_S + second
            revisions.append(Revision(at, key.interval_s, sequence, edge, value, quality))
    return sorted(revisions)


def _versions(entries: Iterable[UplinkEntry]) -> dict[Place, set[Version]]:
    versions: defaultdict[Place, set[Version]] = defaultdict(set)
    for each in entries:
        for key, slot, value, quality in readings(each):
            rank = int(CLASS_OF_QUALITY[quality])
            versions[key, slot].add((rank, each.sequence, each.edge, value, quality))
    return versions


def _held(versions: set[Version]) -> tuple[int, int, int, int, int]:
    ranked = sorted(versions)
    actual = [version for version in ranked if version[0] == QualityClass.ACTUAL]
    raw = actual[-1][3] if actual else 0
    flags = PRESENT | (HAS_RAW if actual else 0)
    return raw, ranked[-1][3], ranked[-1][4], flags, len(ranked) - 1


def readings(each: UplinkEntry) -> list[tuple[BlockKey | EventKey, int, int, int]]:
    """(block, slot or second, value, quality) of what an entry does not exclude."""
    batch = decode_payload(each.payload)
    found = _of_runs(batch) if isinstance(batch, RunBatch) else _of_events(batch)
    excluded = unpack_excluded(each.excluded, len(batch))
    return [one for one, left_out in zip(found, excluded, strict=True) if not left_out]


def _of_runs(batch: RunBatch) -> list[tuple[BlockKey | EventKey, int, int, int]]:
    found: list[tuple[BlockKey | EventKey, int, int, int]] = []
    for run, begin in enumerate(batch.offsets[:-1].tolist()):
        key = BlockKey(
            batch.meters[batch.run_meter[run]],
            batch.registers[batch.run_register[run]],
            int(batch.run_start[run]) // DAY_S,
            int(batch.run_interval_s[run]),
        )
        for step in range(int(batch.run_length[run])):
            value, quality = batch.values[begin + step], batch.quality[begin + step]
            found.append((key, int(batch.run_slot[run]) + step, int(value), int(quality)))
    return found


def _of_events(batch: EventBatch) -> list[tuple[BlockKey | EventKey, int, int, int]]:
    found: list[tuple[BlockKey | EventKey, int, int, int]] = []
    for event in range(len(batch)):
        at = int(batch.at[event])
        key = EventKey(
            batch.meters[batch.event_meter[event]],
            batch.registers[batch.event_register[event]],
            at // DAY_S,
            int(batch.event_interval_s[event]),
        )
        found.append((key, at % DAY_S, int(batch.values[event]), int(batch.quality[event])))
    return found
