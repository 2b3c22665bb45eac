"""Bodies of format 1, as blocks were stored before values stood in a front."""

import struct
from zlib import crc32

import numpy as np
import zstandard

from storage.cold.edge_names import with_own_edges
from storage.cold.planes import PLANES, to_planes
from storage.model.block import RecordBlock


def first_format(blocks: RecordBlock, slots: int) -> list[bytes]:
    """One body a block, each with its planes packed where that is shorter."""
    names, local = with_own_edges(blocks, slots)
    planes, level, step = to_planes(local, slots)
    bodies = []
    for at, own in enumerate(names):
        kept = planes[at].any(axis=1)
        mask = int((kept * (1 << np.arange(PLANES))).sum())
        plain = planes[at][kept].tobytes()
        packed = zstandard.ZstdCompressor(level=3, write_content_size=False).compress(plain)
        form, stored = (0x81, packed) if len(packed) < len(plain) else (0x01, plain)
        told = "\n".join(own).encode()
        head = struct.pack("<BHIqqH", form, slots, mask, int(level[at]), int(step[at]), len(told))
        body = head + told + stored
        bodies.append(body + crc32(body).to_bytes(4, "little"))
    return bodies
