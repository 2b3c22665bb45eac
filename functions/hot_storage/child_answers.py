"""Answers to a zone below: what this zone has hot, and for the rest what its own parent has."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from functions.hot_storage.recall_cache import Key
from functions.hot_storage.recall_desk import RecallDesk
from functions.hot_storage.tenant_tiers import EveryTenantsTiers
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.recall import Answer, Question, Recalled, events_of, slots_of
from storage.model.tiers import joined, joined_events, must_ask


class ChildAnswers:
    """Serves the same questions as the record, from the two tiers that this zone reaches."""

    def __init__(self, *, tiers: EveryTenantsTiers, desk: RecallDesk, zone: str) -> None:
        self._tiers = tiers
        self._desk = desk
        self._zone = zone

    async def recall(self, tenant: str, question: Question) -> Answer:
        """Return the blocks of both tiers.

        Raises:
            UnknownTenant: the zone serves no such tenant.
            Busy, StoreUnavailable: ask again later.
        """
        tiers = await self._tiers.of(tenant)
        blocks, events = question.block_keys(), question.event_keys()
        held = await tiers.store.read(blocks)
        held_events = await tiers.store.read_events(events)
        # Looked at after the blocks: what was dropped in between was noted before.
        dropped = await tiers.notes.dropped_through()
        as_of_us = await tiers.notes.newest_us()
        asked = [
            at
            for at, key in enumerate(blocks)
            if must_ask(held.get(key), day=key.day, dropped_through=dropped)
        ]
        asked_events = [
            at for at, key in enumerate(events) if key not in held_events or key.day <= dropped
        ]
        below = await self._desk.recall(
            tenant,
            Question.of(
                [blocks[at] for at in asked],
                [events[at] for at in asked_events],
                record=question.record,
            ),
        )
        return Answer(
            zone=self._zone,
            as_of_us=below.as_of_us,
            blocks=self._both(blocks, held, asked, below.blocks, as_of_us),
            events=self._both(events, held_events, asked_events, below.events, as_of_us),
            unreachable_blocks=[asked[at] for at in below.unreachable_blocks],
            unreachable_events=[asked_events[at] for at in below.unreachable_events],
            reason=below.reason,
        )

    def _both(
        self,
        keys: Sequence[Key],
        held: Mapping[BlockKey, NDArray[np.void]] | Mapping[EventKey, NDArray[np.void]],
        asked: Sequence[int],
        recalled: Sequence[Recalled],
        as_of_us: int,
    ) -> list[Recalled]:
        below = {asked[one.at]: one for one in recalled}
        here: Mapping[Key, NDArray[np.void]] = dict(held)  # type: ignore[arg-type]  # of one kind
        both: list[Recalled] = []
        for at, key in enumerate(keys):
            own, other = here.get(key), below.get(at)
            if other is None and own is not None:
                both.append(Recalled(at, own.tobytes(), self._zone, "hot", as_of_us))
            elif other is not None:
                body = other.body if own is None else _join(key, own, other)
                both.append(Recalled(at, body, other.zone, other.source, other.as_of_us))
        return both


def _join(key: Key, own: NDArray[np.void], other: Recalled) -> bytes:
    if isinstance(key, BlockKey):
        return joined(own, slots_of(other)).tobytes()
    return joined_events(own, events_of(other)).tobytes()
