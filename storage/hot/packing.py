"""A batch as the library's functions take it: packed runs, and one claim (a slot) a reading."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, SLOT
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import DAY_S, RunBatch

RUN: Final = np.dtype([("first", "<u2"), ("count", "<u2"), ("slots", "<u2")])
"""6 bytes a run: its first slot, its readings, the slots of its block."""


class SlotNamedTwice(ValueError):
    """Two readings of one batch are for the same slot."""


def pack_runs(batch: RunBatch) -> bytes:
    """The batch's runs, `RUN` each."""
    runs = np.empty(batch.runs, dtype=RUN)
    runs["first"] = batch.run_slot
    runs["count"] = batch.run_length
    runs["slots"] = DAY_S // batch.run_interval_s
    return runs.tobytes()


def pack_claims(batch: RunBatch, excluded: NDArray[np.bool_] | None = None) -> bytes:
    """What each reading would make of an empty slot, `SLOT` each; zeros where `excluded`."""
    actual = CLASS_OF_QUALITY[batch.quality] == QualityClass.ACTUAL
    claims = np.zeros(len(batch), dtype=SLOT)
    claims["raw"] = np.where(actual, batch.values, 0)
    claims["final"] = batch.values
    claims["quality"] = batch.quality
    claims["flags"] = np.where(actual, PRESENT | HAS_RAW, PRESENT)
    if excluded is not None:
        claims[excluded] = np.zeros((), dtype=SLOT)
    return claims.tobytes()


def check_slots_distinct(batch: RunBatch, keys: list[str]) -> None:
    """Refuse a batch whose runs overlap; `keys` are its block keys, one a run.

    Raises:
        SlotNamedTwice: the library would compare both with what is stored, not with each other.
    """
    meter = batch.run_meter
    if (meter[1:] > meter[:-1]).all() or len(set(keys)) == len(keys):
        return
    _, block = np.unique(np.array(keys), return_inverse=True)
    order = np.lexsort((batch.run_slot, block))
    block, first = block[order], batch.run_slot[order]
    after = first + batch.run_length[order]
    overlap = (block[1:] == block[:-1]) & (first[1:] < after[:-1])
    if overlap.any():
        raise SlotNamedTwice(f"the batch names a slot of {keys[order[1:][overlap][0]]!r} twice")
