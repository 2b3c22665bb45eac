"""Whether one copy of a block can stand for another: by a digest, or slot by slot."""

from collections.abc import Set
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT
from storage.model.quality import CLASS_OF_QUALITY, QualityClass

DIGEST_BYTES: Final = 16
Version = tuple[int, int, int]
"""Slot or second of the day, value, and class of its quality."""


def digest_of(slots: NDArray[np.void]) -> bytes:
    """Digest of what counts in slots or events: places, final and raw values, qualities.

    Revision counts are left out: each tier counts the versions that it saw itself.
    """
    flags = slots["flags"] & (PRESENT | HAS_RAW)
    places = slots["at"] if "at" in (slots.dtype.names or ()) else np.arange(len(slots))
    kept = np.flatnonzero(flags)
    told = blake2b(digest_size=DIGEST_BYTES)
    told.update(len(kept).to_bytes(4, "little"))
    told.update(places[kept].astype("<i4").tobytes())
    for column in ("raw", "final"):
        told.update(slots[column][kept].astype("<i8").tobytes())
    told.update(slots["quality"][kept].tobytes())
    told.update(flags[kept].tobytes())
    return told.digest()


def uncovered(
    held: NDArray[np.void], record: NDArray[np.void], past: Set[Version]
) -> NDArray[np.bool_]:
    """Mask of the slots of `held` whose values the record does not have.

    `record` has the same shape, absent slots all zero; `past` are the record's versions that do
    not count now. The record may know more, so it need not be equal: a value is safe when it
    counts there, is its raw value, or is in its history.
    """
    present = (held["flags"] & PRESENT) != 0
    metered = (held["flags"] & HAS_RAW) != 0
    final_is_known = _is_known(held, "final", record)
    raw_is_known = (record["flags"] & HAS_RAW != 0) & (record["raw"] == held["raw"])
    lacking: NDArray[np.bool_] = (present & ~final_is_known) | (metered & ~raw_is_known)
    for slot in np.flatnonzero(lacking).tolist():
        here = held[slot]
        place = int(here["at"]) if "at" in (held.dtype.names or ()) else slot
        final = (place, int(here["final"]), int(CLASS_OF_QUALITY[here["quality"]]))
        raw = (place, int(here["raw"]), int(QualityClass.ACTUAL))
        lacking[slot] = (present[slot] and not final_is_known[slot] and final not in past) or (
            metered[slot] and not raw_is_known[slot] and raw not in past
        )
    return lacking


def _is_known(held: NDArray[np.void], column: str, record: NDArray[np.void]) -> NDArray[np.bool_]:
    value, level = held[column], CLASS_OF_QUALITY[held["quality"]]
    counts = (
        (record["flags"] & PRESENT != 0)
        & (record["final"] == value)
        & (CLASS_OF_QUALITY[record["quality"]] == level)
    )
    metered = (level == QualityClass.ACTUAL) & (record["flags"] & HAS_RAW != 0)
    known: NDArray[np.bool_] = counts | (metered & (record["raw"] == value))
    return known
