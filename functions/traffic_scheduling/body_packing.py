"""The body of a post: entries as they travel, packed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import zstandard

from storage.hot.uplink import Pending
from storage.model.uplink import encode_entries

THOROUGH: Final = 3
QUICK: Final = 1
"""Where a link has no cap: a fifth to a third less work, for bodies mostly 5 to 30 % larger."""


@dataclass(frozen=True, slots=True)
class PackedBody:
    """The bytes that travel, and how many packing has spared."""

    body: bytes
    saved: int


class BodyPacking:
    """Packs bodies one after another by zstd."""

    def __init__(self, *, capped: bool) -> None:
        """`capped` says that bytes on the link are scarce."""
        self._compressor = zstandard.ZstdCompressor(level=THOROUGH if capped else QUICK)

    def pack(self, batch: Sequence[Pending]) -> PackedBody:
        """Pack a batch of entries in its order."""
        raw = encode_entries([one.entry for one in batch])
        body = self._compressor.compress(raw)
        return PackedBody(body, len(raw) - len(body))
