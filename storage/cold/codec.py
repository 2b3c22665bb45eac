"""The stored form of record blocks: final values in front, then all else as byte planes.

The front is `storage.cold.value_front`'s. Behind it stand a head, edge names and planes, of which
all-zero ones are left out and the others packed by zstd when that is shorter, and a CRC-32 of the
whole body. Bodies of format 1, which have no front and keep the values in their planes, are read.
"""

import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.cold.edge_names import with_own_edges, with_shared_edges
from storage.cold.planes import FINAL_PLANES, PLANES, from_planes, to_planes
from storage.cold.value_front import (
    FrontDamaged,
    encode_fronts,
    front_length,
    joined,
    open_fronts,
)
from storage.model.block import RecordBlock
from storage.model.quality import KNOWN_QUALITY

_PLANES_ONLY: Final = 1
_PACKED: Final = 0x80
# format, slots, planes kept, level and step of the sequences, bytes of the edge names
_HEAD: Final = struct.Struct("<BHIqqH")
# Behind a front: planes kept, the same and whether they are packed, and so on.
_REST: Final = struct.Struct("<IqqH")
_REST_PACKED: Final = 1 << 31
_WEIGHTS: Final = 1 << np.arange(PLANES, dtype=np.int64)
_CRC_BYTES: Final = 4
_BETWEEN_NAMES: Final = "\n"


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
        planes[:, :FINAL_PLANES] = 0
        fronts = encode_fronts(
            blocks.slots["final"].reshape(-1, self._slots),
            blocks.present.reshape(-1, self._slots),
        )
        masks = (np.any(planes, axis=2) @ _WEIGHTS).tolist()
        columns = zip(
            fronts,
            names,
            masks,
            level.tolist(),
            step.tolist(),
            _kept_planes(planes, masks),
            strict=True,
        )
        return [
            self._seal(front, mask, own_level, own_step, own, plain)
            for front, own, mask, own_level, own_step, plain in columns
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
        fronts: dict[int, bytes] = {}
        of_mask: defaultdict[int, tuple[list[int], list[bytes]]] = defaultdict(lambda: ([], []))
        for index, body in enumerate(bodies):
            front, mask, level[index], step[index], own, plain = self._open(body)
            names.append(own)
            if front:
                fronts[index] = front
            if len(plain) != self._slots * mask.bit_count():
                raise BlockDamaged("planes of another length")
            places, plains = of_mask[mask]
            places.append(index)
            plains.append(plain)
        for mask, (places, plains) in of_mask.items():
            kept = _planes_of(mask)
            opened = np.frombuffer(b"".join(plains), dtype=np.uint8)
            planes[np.array(places)[:, None], kept] = opened.reshape(
                len(places), len(kept), self._slots
            )
        held = self._put_values(planes, fronts)
        edges = tuple(sorted({name for own in set(names) for name in own}))
        blocks = from_planes(planes, level, step, edges)
        present = blocks.present
        told = present.reshape(-1, self._slots)[list(fronts)]
        if (
            not KNOWN_QUALITY[blocks.slots["quality"]].all()
            or (_not_zero(blocks.slots) & ~present).any()
            or (told != held).any()
        ):
            raise BlockDamaged("a slot that no block can hold")
        return with_shared_edges(blocks, names, self._slots)

    def _seal(
        self, front: bytes, mask: int, level: int, step: int, edges: tuple[str, ...], plain: bytes
    ) -> bytes:
        packed = self._compress(plain)
        smaller = len(packed) < len(plain)
        names = _BETWEEN_NAMES.join(edges).encode()
        head = _REST.pack(mask | _REST_PACKED * smaller, level, step, len(names))
        body = front + head + names + (packed if smaller else plain)
        return body + crc32(body).to_bytes(_CRC_BYTES, "little")

    def _put_values(self, planes: NDArray[np.uint8], fronts: dict[int, bytes]) -> NDArray[np.bool_]:
        """Fill in the final values of the blocks that have fronts; return where these have one."""
        places = np.array(list(fronts), dtype=np.int64)
        present = np.zeros((len(fronts), self._slots), dtype=np.bool_)
        stored, sizes = joined(list(fronts.values()))
        try:
            for columns in open_fronts(stored, np.cumsum(sizes) - sizes, sizes, slots=self._slots):
                values, present[columns.block] = columns.values(self._slots)
                split = values.astype("<i4").view(np.uint8).reshape(len(values), self._slots, -1)
                planes[places[columns.block], :FINAL_PLANES] = split.transpose(0, 2, 1)
        except FrontDamaged as error:
            raise BlockDamaged(str(error)) from error
        return present

    def _open(self, sealed: bytes) -> tuple[bytes, int, int, int, tuple[str, ...], bytes]:
        """Front (empty in format 1), planes kept, level, step, edge names, and the planes."""
        body, crc = sealed[:-_CRC_BYTES], sealed[-_CRC_BYTES:]
        if len(body) < _HEAD.size or crc32(body) != int.from_bytes(crc, "little"):
            raise BlockDamaged("the checksum does not fit")
        if body[0] & ~_PACKED == _PLANES_ONLY:
            front, begin, is_packed = b"", _HEAD.size, bool(body[0] & _PACKED)
            _, slots, mask, level, step, names_size = _HEAD.unpack_from(body)
            if slots != self._slots:
                raise BlockDamaged(f"{slots} slots are not known here")
        else:
            try:
                front = body[: front_length(body, self._slots)]
                mask, level, step, names_size = _REST.unpack_from(body, len(front))
            except (FrontDamaged, struct.error) as error:
                raise BlockDamaged(f"not a block: {error}") from error
            begin = len(front) + _REST.size
            is_packed, mask = bool(mask & _REST_PACKED), mask & ~_REST_PACKED
            if mask & ((1 << FINAL_PLANES) - 1):
                raise BlockDamaged("values stand in the front")
        if mask >> PLANES:
            raise BlockDamaged("planes that are not known here")
        names_end = begin + names_size
        plain = body[names_end:]
        if is_packed:
            try:
                plain = self._decompress(plain, max_output_size=PLANES * self._slots)
            except zstandard.ZstdError as error:
                raise BlockDamaged(f"unreadable planes: {error}") from error
        names = body[begin:names_end].decode(errors="replace")
        own = tuple(names.split(_BETWEEN_NAMES)) if names else ()
        return front, mask, level, step, own, plain


def _not_zero(cells: NDArray[np.void]) -> NDArray[np.bool_]:
    """Where a cell, a few words of 32 bits, has a bit that is set."""
    words = cells.view("<u4").reshape(len(cells), cells.itemsize // 4)
    some = words[:, 0].copy()
    for at in range(1, words.shape[1]):
        some |= words[:, at]
    found: NDArray[np.bool_] = some != 0
    return found


def _planes_of(mask: int) -> NDArray[np.intp]:
    return np.flatnonzero((mask & _WEIGHTS) != 0)


def _kept_planes(planes: NDArray[np.uint8], masks: Sequence[int]) -> list[bytes]:
    """The planes that each block's mask names, one after another."""
    found = [b""] * len(masks)
    of_mask: defaultdict[int, list[int]] = defaultdict(list)
    for place, mask in enumerate(masks):
        of_mask[mask].append(place)
    for mask, places in of_mask.items():
        kept = planes[np.array(places)[:, None], _planes_of(mask)].tobytes()
        size = len(kept) // len(places)
        for at, place in enumerate(places):
            found[place] = kept[at * size : (at + 1) * size]
    return found
