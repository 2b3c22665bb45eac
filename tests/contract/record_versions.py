"""What a record must hold after given uplink entries, said reading by reading."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, SLOT, BlockKey
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry, pack_excluded, unpack_excluded
from tests.contract.hot_readings import DAY, Run, batch_of

Version = tuple[int, int, str, int, int]
"""Class, sequence, edge, value, quality: the order of tuples is the rank."""


def entry(
    *runs: Run, sequence: int, edge: str = "zone-3a", excluded: Sequence[int] = ()
) -> UplinkEntry:
    batch = batch_of(*runs)
    mask = np.zeros(len(batch), dtype=np.bool_)
    mask[list(excluded)] = True
    return UplinkEntry(edge, sequence, pack_excluded(mask), batch.encode())


def a_day_of_traffic(seed: int, *, entries: int = 59) -> list[UplinkEntry]:
    """Live instants, backfilled days, corrections and estimates of a few meters at two edges."""
    rng = random.Random(seed)
    found = []
    for sequence in range(1, entries + 1):
        edge = rng.choice(["zone-3a", "zone-3b"])
        runs = []
        for meter in rng.sample(range(6), k=3):
            length = rng.choice([1, 1, 4, 20])
            runs.append(
                Run(
                    values=[rng.randrange(-50, 3000) for _ in range(length)],
                    meter_id=f"M-{meter}",
                    day=DAY + rng.randrange(2),
                    slot=rng.randrange(24),
                    interval_s=rng.choice([900, 900, 1800]),
                    quality=rng.choice([Quality.VALID, Quality.EDITED, Quality.ESTIMATED]),
                )
            )
        excluded = [0] if rng.random() < 0.2 else []
        found.append(entry(*runs, sequence=sequence * 1000, edge=edge, excluded=excluded))
    return found


def expected(entries: Iterable[UplinkEntry]) -> dict[BlockKey, NDArray[np.void]]:
    """The blocks after `entries`, in any order and repetition."""
    versions: defaultdict[tuple[BlockKey, int], set[Version]] = defaultdict(set)
    for each in entries:
        for key, slot, value, quality in readings(each):
            rank = int(CLASS_OF_QUALITY[quality])
            versions[key, slot].add((rank, each.sequence, each.edge, value, quality))
    blocks: dict[BlockKey, NDArray[np.void]] = {}
    for (key, slot), found in versions.items():
        block = blocks.setdefault(key, np.zeros(key.slots, dtype=SLOT))
        ranked = sorted(found)
        actual = [version for version in ranked if version[0] == QualityClass.ACTUAL]
        raw = actual[-1][3] if actual else 0
        flags = PRESENT | (HAS_RAW if actual else 0)
        block[slot] = (raw, ranked[-1][3], ranked[-1][4], flags, len(ranked) - 1)
    return blocks


def readings(each: UplinkEntry) -> list[tuple[BlockKey, int, int, int]]:
    """(block, slot, value, quality) of what an entry does not exclude."""
    batch = RunBatch.decode(each.payload)
    excluded = unpack_excluded(each.excluded, len(batch))
    found = []
    for run, begin in enumerate(batch.offsets[:-1].tolist()):
        key = BlockKey(
            batch.meters[batch.run_meter[run]],
            batch.registers[batch.run_register[run]],
            int(batch.run_start[run]) // DAY_S,
            int(batch.run_interval_s[run]),
        )
        for step in range(int(batch.run_length[run])):
            if not excluded[begin + step]:
                value, quality = batch.values[begin + step], batch.quality[begin + step]
                found.append((key, int(batch.run_slot[run]) + step, int(value), int(quality)))
    return found
