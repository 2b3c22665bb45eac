"""Many bodies of blocks opened at once, for their final values alone: bytes as matrices.

Where `BlockCodec` gives whole blocks, this gives what a sum needs, some twenty times as fast: heads
are read as columns, the planes of all blocks are unpacked in one call, and nothing is copied into
slots.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.cold.codec import BlockDamaged
from storage.cold.planes import PLANES
from storage.model.block import PRESENT

_FORMAT: Final = 1
_PACKED: Final = 0x80
_CRC_BYTES: Final = 4
_RESIDUE: Final = 0x2144DF1C
"""CRC-32 of anything that ends with its own CRC-32, least byte first."""
_FINAL: Final = 4
_FLAGS: Final = 9
_HEAD: Final = np.dtype(
    [
        ("form", "u1"),
        ("slots", "<u2"),
        ("mask", "<u4"),
        ("level", "<i8"),
        ("step", "<i8"),
        ("names", "<u2"),
    ]
)
_BIT: Final = np.uint64(1) << np.arange(PLANES, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class FinalPlanes:
    """N blocks whose bodies keep the same planes; `block` is each one's place among all bodies.

    `planes` are (N, kept, slots) bytes, `kept` the number in the stored form of each plane.
    """

    block: NDArray[np.int64]
    planes: NDArray[np.uint8]
    kept: tuple[int, ...]

    def take(self, index: NDArray[np.intp] | slice) -> "FinalPlanes":
        """The blocks at `index`."""
        return FinalPlanes(self.block[index], self.planes[index], self.kept)

    def sums(self, weights: NDArray[np.float32]) -> NDArray[np.int64]:
        """Sums of the final values over the slots of each of C classes: (N, C).

        `weights` are (slots, C) of 0 and 1. An absent slot is 0 in every plane. Bytes are added
        up apart, as float32 holds the sum of a day's bytes exactly.
        """
        total = np.zeros((len(self.block), weights.shape[1]), dtype=np.int64)
        for at, plane in enumerate(self.kept):
            if plane < _FINAL:
                column = self.planes[:, at]
                # The highest byte of an int32 has its sign.
                signed = column.view(np.int8) if plane == _FINAL - 1 else column
                added = signed.astype(np.float32) @ weights
                total += added.astype(np.int64) << (8 * plane)
        return total

    def present(self, weights: NDArray[np.float32]) -> NDArray[np.int64]:
        """How many slots of each class hold a value: (N, C), or (1, C) where all blocks do."""
        if _FLAGS not in self.kept:
            every: NDArray[np.int64] = weights.sum(axis=0, dtype=np.int64)[None, :]
            return every
        # Stored is what differs from "present and with a raw value".
        absent = self.planes[:, self.kept.index(_FLAGS)] & PRESENT
        counted: NDArray[np.int64] = ((absent == 0).astype(np.float32) @ weights).astype(np.int64)
        return counted


def open_final_planes(bodies: Sequence[bytes], *, slots: int) -> Iterator[FinalPlanes]:
    """Open B bodies of blocks with `slots` slots.

    Raises:
        BlockDamaged: a body has changed since it was written, or is of another format.
    """
    if not bodies:
        return
    lengths = np.array(list(map(len, bodies)), dtype=np.int64)
    if int(lengths.min()) < _HEAD.itemsize + _CRC_BYTES:
        raise BlockDamaged("a body that is too short")
    if set(map(crc32, bodies)) != {_RESIDUE}:
        raise BlockDamaged("the checksum does not fit")
    ends = np.cumsum(lengths)
    begins = ends - lengths
    joined = b"".join(bodies)
    stored = np.frombuffer(joined, dtype=np.uint8)
    heads = stored[begins[:, None] + np.arange(_HEAD.itemsize)].view(_HEAD)[:, 0]
    if (
        ((heads["form"] & ~np.uint8(_PACKED)) != _FORMAT).any()
        or (heads["slots"] != slots).any()
        or (heads["mask"] >> PLANES).any()
    ):
        raise BlockDamaged("a format that is not known here")
    masks = heads["mask"].astype(np.uint64)
    kept = ((masks[:, None] & _BIT) != 0).sum(axis=1)
    first = begins + _HEAD.itemsize + heads["names"]
    size = ends - _CRC_BYTES - first
    packed = (heads["form"] & _PACKED) != 0
    keys = (masks << np.uint64(1)) | packed
    for key in np.unique(keys).tolist():
        block = np.flatnonzero(keys == key)
        planes = int(kept[block[0]])
        if key & 1:
            plain = _unpacked(joined, first[block], size[block], planes * slots)
        else:
            if (size[block] != planes * slots).any():
                raise BlockDamaged("planes of another length")
            plain = stored[first[block][:, None] + np.arange(planes * slots)].tobytes()
        yield FinalPlanes(
            block=block,
            planes=np.frombuffer(plain, dtype=np.uint8).reshape(len(block), planes, slots),
            kept=tuple(at for at in range(PLANES) if (key >> 1) >> at & 1),
        )


def _unpacked(
    bodies: bytes, first: NDArray[np.int64], size: NDArray[np.int64], plain_size: int
) -> bytes:
    segments = np.stack((first, size), axis=1).astype("<u8").tobytes()
    sizes = np.full(len(first), plain_size, dtype="<u8").tobytes()
    try:
        opened: Any = zstandard.ZstdDecompressor().multi_decompress_to_buffer(
            zstandard.BufferWithSegments(bodies, segments),
            decompressed_sizes=sizes,
            threads=1,
        )
    except (zstandard.ZstdError, ValueError, TypeError) as error:
        raise BlockDamaged(f"unreadable planes: {error}") from error
    plain = b"".join(opened)
    if len(plain) != plain_size * len(first):
        raise BlockDamaged("planes of another length")
    return plain
