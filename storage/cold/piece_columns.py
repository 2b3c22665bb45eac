"""Pieces of many entries as one set of columns, their names as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.cold.name_codes import NameCodes
from storage.cold.pieces import pieces_of
from storage.cold.tail import OpenEntry

S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceColumns:
    """P pieces with N readings of E entries, in the entries' order.

    `slot` is the first of a piece's `length` consecutive slots. `values` are int32 of runs, int64
    of events.
    """

    meter: NDArray[np.int32]
    register: NDArray[np.int32]
    day: NDArray[np.int32]
    interval_s: NDArray[np.int32]
    slot: NDArray[np.int32]
    length: NDArray[np.int32]
    values: NDArray[np.signedinteger[Any]]
    quality: NDArray[np.uint8]
    excluded: NDArray[np.bool_]
    readings: NDArray[np.int64]
    """Of each entry: shape (E,)."""

    @classmethod
    def of(cls, entries: Sequence[OpenEntry], *, meters: NameCodes, registers: NameCodes) -> Self:
        """The columns of entries of one kind, their names numbered by `meters` and `registers`."""
        batches = [entry.batch for entry in entries]
        pairs = [(batch, pieces_of(batch)) for batch in batches]
        return cls(
            meter=_join([meters.codes(b.meters)[p.meter] for b, p in pairs], np.int32),
            register=_join([registers.codes(b.registers)[p.register] for b, p in pairs], np.int32),
            day=_join([piece.day for _, piece in pairs], np.int32),
            interval_s=_join([piece.interval_s for _, piece in pairs], np.int32),
            slot=_join([piece.slot for _, piece in pairs], np.int32),
            length=_join([piece.length for _, piece in pairs], np.int32),
            values=np.concatenate([np.zeros(0, np.int32), *(batch.values for batch in batches)]),
            quality=_join([batch.quality for batch in batches], np.uint8),
            excluded=_join([entry.excluded for entry in entries], np.bool_),
            readings=np.array([len(batch) for batch in batches], dtype=np.int64),
        )

    def then(self, other: "PieceColumns") -> "PieceColumns":
        """These columns, and behind them those of other entries."""
        if not len(other.readings):
            return self
        return PieceColumns(
            **{
                name: np.concatenate((getattr(self, name), getattr(other, name)))
                for name in PieceColumns.__slots__
            }
        )


def _join(columns: list[NDArray[Any]], kind: type[S]) -> NDArray[S]:
    return np.concatenate([np.zeros(0, dtype=kind), *columns]).astype(kind, copy=False)
