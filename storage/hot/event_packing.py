"""A batch of events as the library's functions take it: a span a block, and one claim an event."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT
from storage.model.event_block import EVENT
from storage.model.events import EventBatch
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.stretches import stretch_lengths

SPAN: Final = np.dtype("<u4")
"""4 bytes a block: how many of the events are its."""


def pack_spans(batch: EventBatch, first: NDArray[np.intp]) -> bytes:
    """How many events each block has; `first` are the batch's `block_starts`."""
    return stretch_lengths(first, len(batch)).astype(SPAN).tobytes()


def pack_event_claims(batch: EventBatch) -> bytes:
    """What each event would be if it was the first of its instant, `EVENT` each."""
    actual = CLASS_OF_QUALITY[batch.quality] == QualityClass.ACTUAL
    claims = np.zeros(len(batch), dtype=EVENT)
    claims["at"] = batch.event_second
    claims["raw"] = np.where(actual, batch.values, 0)
    claims["final"] = batch.values
    claims["quality"] = batch.quality
    claims["flags"] = np.where(actual, PRESENT | HAS_RAW, PRESENT)
    return claims.tobytes()
