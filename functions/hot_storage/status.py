"""A tenant's tiers in this zone, and how durable what they hold is."""

from typing import Final

from functions.hot_storage.parts import Parts
from functions.hot_storage.schema import Status
from functions.hot_storage.tier_runs import date_text
from storage.model.tiers import NEVER

EAGER: Final = (
    "eager: a reading is acknowledged when this zone's store has it on disk, and goes on to "
    "headquarters at once; what is dropped here was found there, byte for byte or in its history"
)
LAZY: Final = (
    "lazy: a reading is acknowledged when this zone's store has it on disk, and stays the only "
    "copy in this zone until it cools; then it goes to headquarters, is found there, and is dropped"
)


async def status_of(parts: Parts, tenant: str) -> Status:
    """What a tenant has in this zone.

    Raises:
        UnknownTenant, StoreUnavailable: see there.
    """
    tiers = await parts.tiers.of(tenant)
    policy = parts.tenants.policy(tenant)
    held = await tiers.store.held_bytes()
    dropped = await tiers.notes.dropped_through()
    newest_us = await tiers.notes.newest_us()
    copies, copy_bytes = parts.promotions.size(tenant)
    parts.metrics.holds(
        tenant,
        held=held,
        limit=policy.memory_limit_bytes,
        copies=copies,
        copy_bytes=copy_bytes,
        dropped=dropped,
    )
    return Status(
        zone=parts.zone,
        replication=parts.replication,
        held_bytes=held,
        memory_limit_bytes=policy.memory_limit_bytes,
        pressure=round(min(1.0, held / policy.memory_limit_bytes), 4),
        dropped_through=None if dropped == NEVER else date_text(dropped),
        promoted_blocks=copies,
        promoted_bytes=copy_bytes,
        counted_blocks=len(tiers.book),
        newest_age_s=round(parts.runs.now_s() - newest_us / 1e6, 3) if newest_us else None,
        parent_reachable=parts.parent.reachable,
        parent_error=parts.parent.last_error,
        durability=LAZY if parts.replication == "lazy" else EAGER,
        last_run=parts.runs.last.get(tenant),
    )
