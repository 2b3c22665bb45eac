"""The stored form of event blocks: a head, edge names, byte planes and a CRC-32.

All-zero planes are left out; the rest is packed by zstd when that is shorter.
"""

import struct
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.cold.codec import BlockDamaged
from storage.cold.edge_names import with_own_edges, with_shared_edges
from storage.cold.event_planes import PLANES, from_planes, to_planes
from storage.model.block import RecordBlock
from storage.model.event_block import EVENT, EventRecord
from storage.model.quality import KNOWN_QUALITY
from storage.model.runs import DAY_S

_FORMAT: Final = 2
_PACKED: Final = 0x80
# format, events, planes kept, bytes of the edge names
_HEAD: Final = struct.Struct("<BIQH")
_WEIGHTS: Final = np.uint64(1) << np.arange(PLANES, dtype=np.uint64)
_CRC_BYTES: Final = 4
_BETWEEN_NAMES: Final = "\n"
_Opened = tuple[int, tuple[str, ...], NDArray[np.uint8]]


class EventCodec:
    """Writes and reads bodies of event blocks; not to be shared by threads."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=3, write_content_size=False).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def encode(self, events: EventRecord, blocks: int) -> list[bytes]:
        """Return the bodies of blocks 0 to `blocks` - 1, each of which must have an event.

        A block's edge names must not take more than 65,535 bytes together, nor hold a line feed.
        """
        starts = np.searchsorted(events.place, np.arange(blocks + 1, dtype=np.int64) * DAY_S)
        lengths = np.diff(starts)
        bodies = [b""] * blocks
        for length in np.unique(lengths).tolist():
            numbers = np.flatnonzero(lengths == length)
            taken = (starts[numbers][:, None] + np.arange(length)).reshape(-1)
            names, local = with_own_edges(_take(events.record, taken), length)
            planes = to_planes(local, length)
            kept = np.any(planes, axis=2)
            masks = (kept * _WEIGHTS).sum(axis=1, dtype=np.uint64).tolist()
            for number, own, block, keep, mask in zip(
                numbers.tolist(), names, planes, kept, masks, strict=True
            ):
                bodies[number] = self._seal(length, mask, own, block[keep].tobytes())
        return bodies

    def decode(self, bodies: Sequence[bytes]) -> EventRecord:
        """Return the events of `bodies`, numbered 0 and on.

        Raises:
            BlockDamaged: a body has changed since it was written, or is of another format.
        """
        opened = [self._open(body) for body in bodies]
        edges = tuple(sorted({name for _, own, _ in opened for name in own}))
        lengths = np.array([length for length, _, _ in opened], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        found = RecordBlock.empty(int(lengths.sum()), edges, layout=EVENT)
        for length in np.unique(lengths).tolist():
            numbers = np.flatnonzero(lengths == length)
            group = [opened[number] for number in numbers.tolist()]
            blocks = from_planes(np.stack([planes for _, _, planes in group]), edges)
            blocks = with_shared_edges(blocks, [own for _, own, _ in group], length)
            at = (starts[numbers][:, None] + np.arange(length)).reshape(-1)
            for column in ("slots", "sequence", "edge", "raw_sequence", "raw_edge"):
                getattr(found, column)[at] = getattr(blocks, column)
        number = np.repeat(np.arange(len(bodies), dtype=np.int64), lengths)
        place = number * DAY_S + found.slots["at"]
        in_day = found.slots["at"] < DAY_S
        if (
            not (KNOWN_QUALITY[found.slots["quality"]] & found.present & in_day).all()
            or (place[1:] <= place[:-1]).any()
        ):
            raise BlockDamaged("events that no block can hold")
        return EventRecord(place=place, record=found)

    def _seal(self, events: int, mask: int, edges: tuple[str, ...], plain: bytes) -> bytes:
        packed = self._compress(plain)
        smaller = len(packed) < len(plain)
        names = _BETWEEN_NAMES.join(edges).encode()
        head = _HEAD.pack(_FORMAT | _PACKED * smaller, events, mask, len(names))
        body = head + names + (packed if smaller else plain)
        return body + crc32(body).to_bytes(_CRC_BYTES, "little")

    def _open(self, sealed: bytes) -> _Opened:
        body, crc = sealed[:-_CRC_BYTES], sealed[-_CRC_BYTES:]
        if len(body) < _HEAD.size or crc32(body) != int.from_bytes(crc, "little"):
            raise BlockDamaged("the checksum does not fit")
        form, events, mask, names_end = _HEAD.unpack_from(body)
        if form & ~_PACKED != _FORMAT or not 0 < events <= DAY_S or mask >> PLANES:
            raise BlockDamaged(f"format {form & ~_PACKED} with {events} events is not known here")
        names_end += _HEAD.size
        plain = body[names_end:]
        if form & _PACKED:
            try:
                plain = self._decompress(plain, max_output_size=PLANES * events)
            except zstandard.ZstdError as error:
                raise BlockDamaged(f"unreadable planes: {error}") from error
        kept = (np.uint64(mask) & _WEIGHTS) != 0
        if len(plain) != events * int(kept.sum()):
            raise BlockDamaged("planes of another length")
        planes = np.zeros((PLANES, events), dtype=np.uint8)
        planes[kept] = np.frombuffer(plain, dtype=np.uint8).reshape(-1, events)
        names = body[_HEAD.size : names_end].decode(errors="replace")
        return events, tuple(names.split(_BETWEEN_NAMES)) if names else (), planes


def _take(record: RecordBlock, taken: NDArray[np.int64]) -> RecordBlock:
    return RecordBlock(
        slots=record.slots[taken],
        sequence=record.sequence[taken],
        edge=record.edge[taken],
        raw_sequence=record.raw_sequence[taken],
        raw_edge=record.raw_edge[taken],
        edges=record.edges,
    )
