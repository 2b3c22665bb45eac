"""A batch of either kind as the library's functions take it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.hot.event_packing import pack_event_claims, pack_spans
from storage.hot.keys import batch_keys, event_keys
from storage.hot.packing import check_slots_distinct, pack_claims, pack_runs
from storage.model.payload import Batch
from storage.model.runs import RunBatch

RUNS: Final = "r"
EVENTS: Final = "e"


@dataclass(frozen=True, slots=True)
class Packed:
    """Block keys, one a place; `places` are packed runs or spans, `claims` one a reading."""

    kind: str
    keys: list[str]
    places: bytes
    claims: bytes

    @property
    def arguments(self) -> tuple[str, bytes, bytes]:
        """The three arguments that describe the readings."""
        return self.kind, self.places, self.claims

    @property
    def size(self) -> int:
        """Bytes of the arguments."""
        return len(self.places) + len(self.claims)


def pack(slug: str, batch: Batch, excluded: NDArray[np.bool_] | None = None) -> Packed:
    """Pack `batch` for the tenant `slug`, without its `excluded` readings.

    Raises:
        SlotNamedTwice: two runs overlap.
        RegisterRefused: a register's name contains "/".
    """
    if isinstance(batch, RunBatch):
        keys = batch_keys(slug, batch)
        check_slots_distinct(batch, keys)
        return Packed(RUNS, keys, pack_runs(batch), pack_claims(batch, excluded))
    if excluded is not None and excluded.any():
        batch = batch.take(~excluded)
    first = batch.block_starts()
    keys = event_keys(slug, batch, first)
    return Packed(EVENTS, keys, pack_spans(batch, first), pack_event_claims(batch))
