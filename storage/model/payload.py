"""The payload of an uplink entry: a batch of runs or a batch of events."""

from typing import Final, TypeAlias

import msgspec

from storage.model import events
from storage.model.events import EventBatch
from storage.model.runs import PayloadUnreadable, RunBatch

Batch: TypeAlias = RunBatch | EventBatch


class _Head(msgspec.Struct, array_like=True):
    """What every format begins with."""

    format: int


_head: Final = msgspec.msgpack.Decoder(_Head)


def decode_payload(payload: bytes) -> Batch:
    """Read a batch back from its bytes, whichever kind it is.

    Raises:
        PayloadUnreadable: neither, or columns that contradict.
    """
    try:
        kind = _head.decode(payload).format
    except msgspec.MsgspecError as error:
        raise PayloadUnreadable(f"not a batch: {error}") from error
    return EventBatch.decode(payload) if kind == events.FORMAT else RunBatch.decode(payload)
