"""Names of the keys in a zone's Redis."""

from typing import Final

import numpy as np

from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.events import EventBatch
from storage.model.runs import DAY_S, RunBatch

RESERVED_SLUGS: Final = frozenset({"up", "upb"})
"""Slugs whose keys `{slug}:*` would be the uplink's."""


class RegisterRefused(ValueError):
    """The register's name would make block keys ambiguous."""


def uplink_key(slug: str) -> str:
    """Stream of the entries that wait for the parent."""
    return f"up:{slug}"


def uplink_bytes_key(slug: str) -> str:
    """Counter of the bytes on the uplink stream."""
    return f"upb:{slug}"


def sequence_key(slug: str) -> str:
    """The last sequence given."""
    return f"{slug}:seq"


def watermark_key(slug: str) -> str:
    """Hash of edge -> sequence of the last entry relayed from it."""
    return f"{slug}:wm"


def meters_key(slug: str) -> str:
    """Hash of meter id -> encoded meter."""
    return f"{slug}:m"


def meters_version_key(slug: str) -> str:
    """Version of the registry that `meters_key` holds."""
    return f"{slug}:mv"


def block_key(slug: str, key: BlockKey) -> str:
    """String of a block's slots; the library keeps its history at the same name with `:h:`.

    Raises:
        RegisterRefused: the register's name contains "/".
    """
    return f"{slug}:b:{_in_block(key.day, key.interval_s, key.register)}{key.meter_id}"


def event_block_key(slug: str, key: EventKey) -> str:
    """Hash of a block's events; the library keeps its history at the same name with `:eh:`.

    Raises:
        RegisterRefused: the register's name contains "/".
    """
    return f"{slug}:e:{_in_block(key.day, key.interval_s, key.register)}{key.meter_id}"


def batch_keys(slug: str, batch: RunBatch) -> list[str]:
    """The block key of each run of the batch.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    shared = (batch.run_day.astype(np.int64) * (DAY_S + 1) + batch.run_interval_s) << 8
    _, first, which = np.unique(shared | batch.run_register, return_index=True, return_inverse=True)
    prefixes = [
        f"{slug}:b:"
        + _in_block(
            int(batch.run_day[run]),
            int(batch.run_interval_s[run]),
            batch.registers[batch.run_register[run]],
        )
        for run in first.tolist()
    ]
    pairs = zip(which.tolist(), batch.run_meter.tolist(), strict=True)
    return [prefixes[prefix] + batch.meters[meter] for prefix, meter in pairs]


def event_keys(slug: str, batch: EventBatch) -> list[str]:
    """The block key of each block of the batch, in the order of `EventBatch.block_starts`.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    first = batch.block_starts()
    prefixes: dict[tuple[int, int, int], str] = {}
    keys = []
    for meter, day, interval_s, register in zip(
        batch.event_meter[first].tolist(),
        batch.event_day[first].tolist(),
        batch.event_interval_s[first].tolist(),
        batch.event_register[first].tolist(),
        strict=True,
    ):
        prefix = prefixes.get((day, interval_s, register))
        if prefix is None:
            prefix = f"{slug}:e:" + _in_block(day, interval_s, batch.registers[register])
            prefixes[day, interval_s, register] = prefix
        keys.append(prefix + batch.meters[meter])
    return keys


def _in_block(day: int, interval_s: int, register: str) -> str:
    if "/" in register:
        raise RegisterRefused(f"{register!r} contains '/'")
    return f"{day}:{interval_s}:{register}/"
