"""The stored form of record blocks: a head, edge names, byte planes and a CRC-32.

All-zero planes are left out; the rest is packed by zstd when that is shorter.
"""

import struct
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.cold.edge_names import with_own_edges, with_shared_edges
from storage.cold.planes import PLANES, from_planes, to_planes
from storage.model.block import RecordBlock
from storage.model.quality import KNOWN_QUALITY

_FORMAT: Final = 1
_PACKED: Final = 0x80
# format, slots, planes kept, level and step of the sequences, bytes of the edge names
_HEAD: Final = struct.Struct("<BHIqqH")
_WEIGHTS: Final = 1 << np.arange(PLANES, dtype=np.int64)
_CRC_BYTES: Final = 4
_BETWEEN_NAMES: Final = "\n"
_Opened = tuple[int, int, int, tuple[str, ...], bytes]


class BlockDamaged(ValueError):
    """The bytes are not a block that this version wrote."""


class BlockCodec:
    """Writes and reads bodies of blocks with `slots` slots; not to be shared by threads."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._compress = zstandard.ZstdCompressor(level=3, write_content_size=False).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def encode(self, blocks: RecordBlock) -> list[bytes]:
        """Return one body a block; `blocks` holds whole blocks, one after another.

        A block's edge names must not take more than 65,535 bytes together, nor hold a line feed.
        """
        names, local = with_own_edges(blocks, self._slots)
        planes, level, step = to_planes(local, self._slots)
        kept: NDArray[np.bool_] = np.any(planes, axis=2)
        columns = zip(
            names,
            planes,
            kept,
            (kept @ _WEIGHTS).tolist(),
            level.tolist(),
            step.tolist(),
            strict=True,
        )
        return [
            self._seal(mask, own_level, own_step, own, block[keep].tobytes())
            for own, block, keep, mask, own_level, own_step in columns
        ]

    def decode(self, bodies: Sequence[bytes]) -> RecordBlock:
        """Return the blocks of `bodies` one after another, as one.

        Raises:
            BlockDamaged: a body has changed since it was written, or is of another format.
        """
        planes = np.zeros((len(bodies), PLANES, self._slots), dtype=np.uint8)
        level = np.empty(len(bodies), dtype=np.int64)
        step = np.empty(len(bodies), dtype=np.int64)
        names = []
        for index, body in enumerate(bodies):
            mask, level[index], step[index], own, plain = self._open(body)
            names.append(own)
            kept = (mask & _WEIGHTS) != 0
            if len(plain) != self._slots * int(kept.sum()):
                raise BlockDamaged("planes of another length")
            planes[index, kept] = np.frombuffer(plain, dtype=np.uint8).reshape(-1, self._slots)
        edges = tuple(sorted({name for own in set(names) for name in own}))
        blocks = from_planes(planes, level, step, edges)
        absent = blocks.slots[~blocks.present]
        if not KNOWN_QUALITY[blocks.slots["quality"]].all() or absent.tobytes().strip(b"\0"):
            raise BlockDamaged("a slot that no block can hold")
        return with_shared_edges(blocks, names, self._slots)

    def _seal(
        self, mask: int, level: int, step: int, edges: tuple[str, ...], plain: bytes
    ) -> bytes:
        packed = self._compress(plain)
        smaller = len(packed) < len(plain)
        names = _BETWEEN_NAMES.join(edges).encode()
        head = _HEAD.pack(_FORMAT | _PACKED * smaller, self._slots, mask, level, step, len(names))
        body = head + names + (packed if smaller else plain)
        return body + crc32(body).to_bytes(_CRC_BYTES, "little")

    def _open(self, sealed: bytes) -> _Opened:
        body, crc = sealed[:-_CRC_BYTES], sealed[-_CRC_BYTES:]
        if len(body) < _HEAD.size or crc32(body) != int.from_bytes(crc, "little"):
            raise BlockDamaged("the checksum does not fit")
        form, slots, mask, level, step, names_end = _HEAD.unpack_from(body)
        if form & ~_PACKED != _FORMAT or slots != self._slots or mask >> PLANES:
            raise BlockDamaged(f"format {form & ~_PACKED} with {slots} slots is not known here")
        names_end += _HEAD.size
        plain = body[names_end:]
        if form & _PACKED:
            try:
                plain = self._decompress(plain, max_output_size=PLANES * self._slots)
            except zstandard.ZstdError as error:
                raise BlockDamaged(f"unreadable planes: {error}") from error
        names = body[_HEAD.size : names_end].decode(errors="replace")
        return mask, level, step, tuple(names.split(_BETWEEN_NAMES)) if names else (), plain
