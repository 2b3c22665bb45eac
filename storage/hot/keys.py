"""Names of the keys in a zone's Redis."""

from typing import Final

from storage.model.block import BlockKey
from storage.model.runs import RunBatch

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
    return _prefix(slug, key.day, key.interval_s, key.register) + key.meter_id


def batch_keys(slug: str, batch: RunBatch) -> list[str]:
    """The block key of each run of the batch.

    Raises:
        RegisterRefused: a register's name contains "/".
    """
    meters, registers = batch.meters, batch.registers
    prefixes: dict[tuple[int, int, int], str] = {}
    keys = []
    for meter, register, day, interval_s in zip(
        batch.run_meter.tolist(),
        batch.run_register.tolist(),
        batch.run_day.tolist(),
        batch.run_interval_s.tolist(),
        strict=True,
    ):
        shared = (day, interval_s, register)
        prefix = prefixes.get(shared)
        if prefix is None:
            prefix = _prefix(slug, day, interval_s, registers[register])
            prefixes[shared] = prefix
        keys.append(prefix + meters[meter])
    return keys


def _prefix(slug: str, day: int, interval_s: int, register: str) -> str:
    if "/" in register:
        raise RegisterRefused(f"{register!r} contains '/'")
    return f"{slug}:b:{day}:{interval_s}:{register}/"
