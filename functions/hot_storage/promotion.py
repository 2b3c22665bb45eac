"""Promotion: blocks that are recalled again and again are kept here, as copies of the record's."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from functions.hot_storage.recall_cache import Key, Known
from functions.hot_storage.tenant_tiers import EveryTenantsTiers, TenantTiers
from functions.hot_storage.zone_tenants import ZoneTenants
from storage.hot.tiering import Copy, packed, unpacked
from storage.model.block import BlockKey
from storage.model.block_proof import digest_of
from storage.model.event_block import EventKey
from storage.model.recall import (
    MOST_BLOCKS,
    ProofAnswer,
    Question,
    Recalled,
    events_of,
    slots_of,
)

FIELD_BYTES: Final = 128
"""About what a copy takes beside its body."""


class Proves(Protocol):
    """The way to ask the parent what the record has."""

    async def prove(self, tenant: str, question: Question) -> ProofAnswer:
        """See `Parent.prove`."""


class Counts(Protocol):
    """What promotion counts."""

    def promoted(self, tenant: str, blocks: int) -> None:
        """So many blocks are kept here again."""

    def unpromoted(self, tenant: str, blocks: int) -> None:
        """So many copies were dropped: for room, or since the record's block is another now."""


class Promotions:
    """Copies of blocks that are kept in the zone's Redis, bounded in bytes for each tenant."""

    def __init__(
        self,
        *,
        tiers: EveryTenantsTiers,
        tenants: ZoneTenants,
        parent: Proves,
        counts: Counts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tiers = tiers
        self._tenants = tenants
        self._parent = parent
        self._counts = counts
        self._clock = clock
        self._held: dict[str, dict[Key, int]] = {}

    async def count(self, tenant: str, keys: Sequence[Key]) -> None:
        """Count that these blocks were asked for."""
        book = (await self._tiers.of(tenant)).book
        now_s = self._clock()
        for key in keys:
            book.count(key, 1.0, now_s=now_s)

    async def find(self, tenant: str, keys: Sequence[Key]) -> dict[Key, Known]:
        """The copies of these blocks."""
        tiers = await self._tiers.of(tenant)
        held = await self._held_of(tiers)
        copies = await tiers.notes.copies([key for key in keys if key in held])
        return {key: Known(_recalled(copy), copy.as_of_us) for key, copy in copies.items()}

    async def offer(self, tenant: str, blocks: Mapping[Key, Recalled]) -> int:
        """Keep copies of those blocks that are read often enough; return how many."""
        tiers = await self._tiers.of(tenant)
        policy = self._tenants.policy(tenant)
        held = await self._held_of(tiers)
        now_s = self._clock()
        kept: dict[Key, Copy] = {}
        for key, block in blocks.items():
            reads = tiers.book.of(key, now_s=now_s)
            if reads < policy.promote_reads or key in held:
                continue
            copy = Copy(packed(block.body), block.zone, block.source, block.as_of_us, now_s)
            size = len(copy.body) + FIELD_BYTES
            await self._drop(
                tiers, self._less_read(tiers, held, size, policy.promoted_bytes, reads)
            )
            if sum(held.values()) + size <= policy.promoted_bytes:
                kept[key] = copy
                held[key] = size
        await tiers.notes.keep_copies(kept)
        if kept:
            self._counts.promoted(tenant, len(kept))
        return len(kept)

    async def compare(self, tenant: str) -> int:
        """Drop the copies whose blocks are others in the record now; return how many.

        Raises:
            ParentUnreachable: the parent cannot be asked; copies stay, with their age.
            StoreUnavailable: no answer of the zone's Redis.
        """
        tiers = await self._tiers.of(tenant)
        held = await self._held_of(tiers)
        stale: list[Key] = []
        keys = list(held)
        for begin in range(0, len(keys), MOST_BLOCKS):
            stale += await self._differing(tiers, keys[begin : begin + MOST_BLOCKS])
        await self._drop(tiers, stale)
        return len(stale)

    def size(self, tenant: str) -> tuple[int, int]:
        """How many copies a tenant has, as far as is known, and their bytes."""
        held = self._held.get(tenant, {})
        return len(held), sum(held.values())

    async def _differing(self, tiers: TenantTiers, keys: list[Key]) -> list[Key]:
        blocks = [key for key in keys if isinstance(key, BlockKey)]
        events = [key for key in keys if isinstance(key, EventKey)]
        proofs = await self._parent.prove(tiers.slug, Question.of(blocks, events))
        every: list[Key] = [*blocks, *events]
        proved = [*proofs.blocks, *proofs.events]
        digests = {key: one.digest for key, one in zip(every, proved, strict=True)}
        copies = await tiers.notes.copies(keys)
        now_s = self._clock()
        differing: list[Key] = []
        renewed: dict[Key, Copy] = {}
        for key in keys:
            copy = copies.get(key)
            if copy is None or _digest(key, copy) != digests[key]:
                differing.append(key)
            else:
                renewed[key] = Copy(copy.body, copy.zone, copy.source, proofs.as_of_us, now_s)
        await tiers.notes.keep_copies(renewed)
        return differing

    def _less_read(
        self, tiers: TenantTiers, held: Mapping[Key, int], size: int, most: int, reads: float
    ) -> list[Key]:
        """Copies that must go to make room for `size` bytes; none that are read as often."""
        excess = sum(held.values()) + size - most
        now_s = self._clock()
        going: list[Key] = []
        for key in sorted(held, key=lambda key: tiers.book.of(key, now_s=now_s)):
            if excess <= 0 or tiers.book.of(key, now_s=now_s) >= reads:
                break
            excess -= held[key]
            going.append(key)
        return going if excess <= 0 else []

    async def _drop(self, tiers: TenantTiers, keys: list[Key]) -> None:
        if keys:
            await tiers.notes.drop_copies(keys)
            held = await self._held_of(tiers)
            for key in keys:
                held.pop(key, None)
            self._counts.unpromoted(tiers.slug, len(keys))

    async def _held_of(self, tiers: TenantTiers) -> dict[Key, int]:
        held = self._held.get(tiers.slug)
        if held is None:
            held = self._held.setdefault(tiers.slug, await tiers.notes.every_copy())
        return held


def _recalled(copy: Copy) -> Recalled:
    return Recalled(0, unpacked(copy.body), copy.zone, copy.source, copy.as_of_us)


def _digest(key: Key, copy: Copy) -> bytes:
    kept = _recalled(copy)
    return digest_of(slots_of(kept) if isinstance(key, BlockKey) else events_of(kept))
