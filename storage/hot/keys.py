"""Names of the keys in a zone's Redis."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.events import EventBatch
from storage.model.runs import DAY_S

QUEUES: Final = "q"
"""What the names of all queues and topics begin with."""
RESERVED_SLUGS: Final = frozenset({"up", "upb", "q"})
"""Slugs whose keys `{slug}:*` would be the uplink's or the queues'."""


class RegisterRefused(ValueError):
    """The register's name would make block keys ambiguous."""


def uplink_key(slug: str) -> str:
    """Stream of the entries that wait for the parent."""
    return f"up:{slug}"


def uplink_bytes_key(slug: str) -> str:
    """Counter of the bytes on the uplink stream."""
    return f"upb:{slug}"


def queues_prefix(slug: str) -> str:
    """What the names of a tenant's queues and topics begin with; the library adds the rest."""
    return f"{QUEUES}:{slug}"


def sequence_key(slug: str) -> str:
    """The last sequence given."""
    return f"{slug}:seq"


def epoch_key(slug: str) -> str:
    """When this store first gave a sequence; with the zone's name, the edge that it stamps as."""
    return f"{slug}:epoch"


def hot_bytes_key(slug: str) -> str:
    """Counter of the memory that the tenant's blocks, events and replaced versions take up.

    The library makes this name from a block's own.
    """
    return f"{slug}:hb"


def watermark_key(slug: str) -> str:
    """Hash of calling zone/edge -> sequence of the last entry that this zone relayed from it."""
    return f"{slug}:wm"


def registry_key(slug: str) -> str:
    """Hash of the registry's position; the library makes the names of its parts from it."""
    return f"{slug}:r"


def registry_base(slug: str, incarnation: int) -> str:
    """What the names of the parts of one incarnation of the registry begin with."""
    return f"{slug}:r:{incarnation}"


def registry_records_key(slug: str, incarnation: int) -> str:
    """Hash of meter id -> record."""
    return f"{registry_base(slug, incarnation)}:m"


def registry_shapes_key(slug: str, incarnation: int) -> str:
    """Hash of a shape's name -> its text."""
    return f"{registry_base(slug, incarnation)}:h"


def rules_key(slug: str) -> str:
    """Incarnation, version and text of the rule groups that hold."""
    return f"{slug}:vr"


def validation_key(slug: str) -> str:
    """Stream of what was relayed and not yet validated; the library makes this name, too."""
    return f"{slug}:vq"


def validation_bytes_key(slug: str) -> str:
    """Counter of the bytes on that stream."""
    return f"{slug}:vqb"


def validation_state_key(slug: str) -> str:
    """Generation of what was found, newest instant of the data, moment of the last findings."""
    return f"{slug}:vs"


def findings_key(slug: str) -> str:
    """Hash of a block's name -> what validation has found in it and not withdrawn."""
    return f"{slug}:vf"


def gap_looks_key(slug: str) -> str:
    """Hash of a series -> the time in which its gaps are to be looked for once more."""
    return f"{slug}:vl"


def edits_key(slug: str) -> str:
    """Stream of headquarters' edits that the zones beneath this one may ask for."""
    return f"{slug}:ed"


def edit_position_key(slug: str) -> str:
    """Edge and sequence of the last edit of headquarters that was taken here."""
    return f"{slug}:edp"


def finding_field(key: BlockKey) -> str:
    """Name of a block in that hash."""
    return f"{key.day}:{key.interval_s}:{key.register}/{key.meter_id}"


def read_instants_key(slug: str) -> str:
    """Hash of register/meter id -> the newest instant of a register read, seconds since 1970."""
    return f"{slug}:vm"


def places_epoch_key(slug: str) -> str:
    """When this store first gave a place: what names a strip's cells is void with another one."""
    return f"{slug}:pe"


def places_key(slug: str, register: str) -> str:
    """Hash of meter id -> place of the meter's register among its strips."""
    return f"{slug}:p:{register}"


def strip_key(slug: str, *, day: int, interval_s: int, register: str, strip: int) -> str:
    """String of a strip's slots; the library keeps its history at the same name with `:h:`.

    Raises:
        RegisterRefused: the register's name contains "/".
    """
    return f"{slug}:s:{_in_block(day, interval_s, register)}{strip}"


def event_block_key(slug: str, key: EventKey) -> str:
    """Hash of a block's events; the library keeps its history at the same name with `:eh:`.

    Raises:
        RegisterRefused: the register's name contains "/".
    """
    return f"{slug}:e:{_in_block(key.day, key.interval_s, key.register)}{key.meter_id}"


def strip_keys(
    slug: str,
    *,
    registers: list[str],
    strip: NDArray[np.int64],
    day: NDArray[np.int32],
    interval_s: NDArray[np.int32],
    register: NDArray[np.uint8],
) -> list[str]:
    """The keys of strips given as columns; `register` indexes `registers`.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    names = list(map(str, strip.tolist()))
    return _keys(f"{slug}:s:", names, registers, day, interval_s, register)


def event_keys(slug: str, batch: EventBatch, first: NDArray[np.intp]) -> list[str]:
    """The block keys of the batch; `first` are its `block_starts`.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    names = [batch.meters[meter] for meter in batch.event_meter[first].tolist()]
    block = batch.event_day[first], batch.event_interval_s[first], batch.event_register[first]
    return _keys(f"{slug}:e:", names, batch.registers, *block)


def _keys(
    kind: str,
    names: list[str],
    registers: list[str],
    day: NDArray[np.int32],
    interval_s: NDArray[np.int32],
    register: NDArray[np.uint8],
) -> list[str]:
    code = (day.astype(np.int64) * (DAY_S + 1) + interval_s) << 8 | register
    if len(code) and (code == code[0]).all():
        # Live traffic is one instant of many meters.
        shared = kind + _in_block(int(day[0]), int(interval_s[0]), registers[register[0]])
        return [shared + name for name in names]
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    prefixes = [
        kind + _in_block(int(day[at]), int(interval_s[at]), registers[register[at]])
        for at in first.tolist()
    ]
    return [prefixes[at] + name for at, name in zip(which.tolist(), names, strict=True)]


def _in_block(day: int, interval_s: int, register: str) -> str:
    if "/" in register:
        raise RegisterRefused(f"{register!r} contains '/'")
    return f"{day}:{interval_s}:{register}/"
