"""An uplink entry: what an edge acknowledged in one step, on its way to headquarters."""

from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_SEQUENCE: Final = 2**53
"""Beyond it the hot store's numbers are not exact; in microseconds, the year 2255."""


class UplinkUnreadable(ValueError):
    """The body is not a list of uplink entries."""


class UplinkEntry(msgspec.Struct, array_like=True, frozen=True):
    """Readings with one stamp. `payload` is an encoded `RunBatch`.

    `excluded` is a bitmap over the batch's readings (bit i of byte i // 8, least significant
    first) of the duplicates, which the edge did not take. Empty means none. An outranked value
    is not excluded: headquarters keeps every version.

    `after` is the sequence of the entry that the edge made before this one, 0 for its first:
    nothing lies between the two. None in entries of before edges said so; those come in order.
    """

    edge: str
    sequence: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQUENCE)]
    excluded: bytes
    payload: bytes
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQUENCE)] | None = None


_decoder = msgspec.msgpack.Decoder(list[UplinkEntry])
_encoder = msgspec.msgpack.Encoder()


def encode_entries(entries: list[UplinkEntry]) -> bytes:
    """The body of an uplink request."""
    return _encoder.encode(entries)


def decode_entries(body: bytes) -> list[UplinkEntry]:
    """Read the body of an uplink request.

    Raises:
        UplinkUnreadable: the body is something else.
    """
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise UplinkUnreadable(f"not a list of uplink entries: {error}") from error


def pack_excluded(mask: NDArray[np.bool_]) -> bytes:
    """Bitmap of a mask over readings; empty when nothing is excluded."""
    return np.packbits(mask, bitorder="little").tobytes() if mask.any() else b""


def unpack_excluded(excluded: bytes, readings: int) -> NDArray[np.bool_]:
    """Mask over `readings` readings of those that an entry excludes.

    Raises:
        UplinkUnreadable: the bitmap is shorter than the batch.
    """
    if not excluded:
        return np.zeros(readings, dtype=np.bool_)
    if len(excluded) * 8 < readings:
        raise UplinkUnreadable("the bitmap of excluded readings is too short")
    bits = np.frombuffer(excluded, dtype=np.uint8)
    return np.unpackbits(bits, count=readings, bitorder="little").astype(np.bool_)
