"""A batch of either kind as the library's functions take it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.hot.event_packing import pack_event_claims, pack_spans
from storage.hot.keys import event_keys, strip_keys
from storage.hot.packing import CellRuns, cell_runs, cell_segments, pack_claims, spread_claims
from storage.model.events import EventBatch
from storage.model.runs import RunBatch

ROWS: Final = "r"
COLUMNS: Final = "c"
SCATTERED: Final = "s"
EVENTS: Final = "e"


@dataclass(frozen=True, slots=True)
class Packed:
    """Keys, one a place; `places` are packed runs, segments or spans, `claims` what they hold."""

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


def pack_runs(
    slug: str,
    batch: RunBatch,
    places: NDArray[np.int64],
    excluded: NDArray[np.bool_] | None = None,
) -> Packed:
    """Pack runs in `cell_order` for the tenant `slug`; `places` are those of their series.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    laid = cell_runs(batch, places)
    keys = keys_of_strips(slug, batch, laid)
    claims = pack_claims(batch, excluded)
    if not laid.columns:
        return Packed(ROWS, keys, laid.runs.tobytes(), claims)
    found = cell_segments(laid)
    return Packed(
        COLUMNS if found.alone else SCATTERED,
        [keys[at] for at in found.head.tolist()],
        found.segments.tobytes(),
        laid.runs.tobytes() + spread_claims(claims, found),
    )


def keys_of_strips(slug: str, batch: RunBatch, laid: CellRuns) -> list[str]:
    """The key of the strip of each cell run, (C,); errors as `pack_runs`."""
    return strip_keys(
        slug,
        registers=batch.registers,
        strip=laid.strip,
        day=batch.run_day[laid.head],
        interval_s=batch.run_interval_s[laid.head],
        register=batch.run_register[laid.head],
    )


def pack_events(slug: str, batch: EventBatch, excluded: NDArray[np.bool_] | None = None) -> Packed:
    """Pack events for the tenant `slug`, without those `excluded`.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    if excluded is not None and excluded.any():
        batch = batch.take(~excluded)
    first = batch.block_starts()
    keys = event_keys(slug, batch, first)
    return Packed(EVENTS, keys, pack_spans(batch, first), pack_event_claims(batch))
