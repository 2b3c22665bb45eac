"""Names of the keys that tiering keeps beside a tenant's readings."""

from storage.model.block import BlockKey
from storage.model.event_block import EventKey


def dropped_key(slug: str) -> str:
    """The last UTC day of which a block was dropped here, as text; set before the first drop."""
    return f"{slug}:tier-dropped"


def copies_key(slug: str) -> str:
    """Hash of block -> copy of it that is kept here again."""
    return f"{slug}:tier-copies"


def reads_key(slug: str) -> str:
    """Hash of block -> how often it was read of late."""
    return f"{slug}:tier-reads"


def block_field(key: BlockKey | EventKey) -> bytes:
    """Name a block in a hash of blocks."""
    kind = "b" if isinstance(key, BlockKey) else "e"
    return f"{kind}/{key.day}/{key.interval_s}/{key.register}/{key.meter_id}".encode()


def block_named(field: bytes) -> BlockKey | EventKey:
    """Read a name of `block_field` back."""
    kind, day, interval_s, register, meter_id = field.decode().split("/", 4)
    made = BlockKey if kind == "b" else EventKey
    return made(meter_id, register, int(day), int(interval_s))
