"""Demotion: what is cold leaves the zone once the record is known to have it."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.hot_storage.classifier import Verdicts, classify
from functions.hot_storage.features import Features
from functions.hot_storage.policy import HotPolicy
from storage.hot.tier_listing import DayHeld
from storage.model.block import BlockKey
from storage.model.block_proof import digest_of, uncovered
from storage.model.event_block import EventKey
from storage.model.recall import Answer, HistoryAnswer, ProofAnswer, Question, slots_of
from storage.model.runs import DAY_S

Slots = NDArray[np.void]
NOT_ON_RECORD: Final = "not-on-record"
RECORD_DIFFERS: Final = "record-differs"
CHANGED: Final = "changed-meanwhile"


class HotTier(Protocol):
    """A tenant's blocks in the zone's Redis."""

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, Slots]:
        """See `RedisHotStore.read`."""

    async def drop(self, blocks: Mapping[BlockKey, Slots]) -> Collection[BlockKey]:
        """See `RedisHotStore.drop`."""


class Notes(Protocol):
    """What the zone notes of its tiers."""

    async def will_drop(self, day: int) -> None:
        """See `TierNotes.will_drop`."""


class Record(Protocol):
    """The way to the record, by the parent."""

    async def prove(self, tenant: str, question: Question) -> ProofAnswer:
        """See `Parent.prove`."""

    async def recall(self, tenant: str, question: Question) -> Answer:
        """See `Parent.recall`."""

    async def history(self, tenant: str, question: Question) -> HistoryAnswer:
        """See `Parent.history`."""


class Reads(Protocol):
    """Counts of reads."""

    def of(self, key: BlockKey | EventKey, *, now_s: float) -> float:
        """See `ReadBook.of`."""


@dataclass(slots=True)
class Demoted:
    """What a run did: blocks by what decided, those that left, and those that had to stay."""

    decided: Counter[str] = field(default_factory=Counter)
    hot: int = 0
    cold: int = 0
    dropped: int = 0
    dropped_bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """One tenant's demotion; each step is safe to be the last one of a process."""

    tenant: str
    tier: HotTier
    notes: Notes
    record: Record
    reads: Reads
    policy: HotPolicy
    pressure: float
    now_s: float

    def features(self, keys: Sequence[BlockKey], *, exceptions: Collection[int] = ()) -> Features:
        """What is known of blocks here; those at the places `exceptions` have open ones."""
        now_day = self.now_s / DAY_S
        opened = self.policy.billing_opens(int(now_day))
        days = np.array([key.day for key in keys], dtype=np.float64)
        held = [
            any(
                key.day in hold.days and (not hold.meter_ids or key.meter_id in hold.meter_ids)
                for hold in self.policy.holds
            )
            for key in keys
        ]
        return Features(
            age_days=now_day - (days + 1),
            reads=np.array([self.reads.of(key, now_s=self.now_s) for key in keys], dtype=float),
            billing_open=days >= opened,
            exceptions=np.isin(np.arange(len(keys)), list(exceptions)),
            held=np.array(held, dtype=np.bool_),
            pressure=self.pressure,
        )

    def decide(self, features: Features) -> Verdicts:
        """Hot or cold, by the tenant's policy."""
        return classify(features, self.policy)

    def may_be_cold(self, held: DayHeld) -> bool:
        """Whether any block of a day can be cold: most days are too young to be looked at."""
        key = BlockKey("", held.register, held.day, held.interval_s)
        unread = self.features([key])
        young = self.decide(unread)
        return not bool(young.hot[0]) or bool(unread.held[0])

    async def run(self, keys: Sequence[BlockKey], done: Demoted, *, dry_run: bool = False) -> None:
        """Demote those of `keys` that are held here and cold; count in `done`.

        Raises:
            ParentUnreachable: the record cannot be asked; what was proven before is dropped.
            StoreUnavailable: no answer of the zone's Redis; some may be dropped.
        """
        held = await self.tier.read(keys)
        there = list(held)
        if not there:
            return
        verdicts = self.decide(self.features(there))
        for at, key_hot in enumerate(verdicts.hot.tolist()):
            done.decided[verdicts.reasons[verdicts.decided_by[at]].name] += 1
            done.hot += key_hot
        cold = [key for key, hot in zip(there, verdicts.hot.tolist(), strict=True) if not hot]
        done.cold += len(cold)
        if not cold or dry_run:
            return
        proven = await self._proven({key: held[key] for key in cold}, done)
        await self._drop(proven, done)

    async def _proven(self, cold: Mapping[BlockKey, Slots], done: Demoted) -> dict[BlockKey, Slots]:
        """Those of the blocks that the record has, and has no reason to keep hot."""
        keys = list(cold)
        proofs = await self.record.prove(self.tenant, Question.of(keys, []))
        proven: dict[BlockKey, Slots] = {}
        doubtful: list[BlockKey] = []
        for at, (key, proof) in enumerate(zip(keys, proofs.blocks, strict=True)):
            if proof.holds and self.decide(self.features([key], exceptions=[0])).hot[0]:
                done.refused[proof.holds[0]] += 1
            elif not proof.digest:
                done.refused[NOT_ON_RECORD] += 1
            elif proof.digest == digest_of(cold[keys[at]]):
                proven[key] = cold[key]
            else:
                doubtful.append(key)
        # Most of these differ because the record knows more: an estimate, an edit.
        return proven | await self._covered({key: cold[key] for key in doubtful}, done)

    async def _covered(
        self, doubtful: Mapping[BlockKey, Slots], done: Demoted
    ) -> dict[BlockKey, Slots]:
        if not doubtful:
            return {}
        keys = list(doubtful)
        question = Question.of(keys, [], record=True)
        answer = await self.record.recall(self.tenant, question)
        past = await self.record.history(self.tenant, question)
        on_record = {keys[one.at]: slots_of(one) for one in answer.blocks}
        covered: dict[BlockKey, Slots] = {}
        for at, key in enumerate(keys):
            versions = {(place, value, level) for place, value, level in past.blocks.get(at, [])}
            lacks = key not in on_record or bool(
                uncovered(doubtful[key], on_record[key], versions).any()
            )
            if lacks:
                done.refused[RECORD_DIFFERS] += 1
            else:
                covered[key] = doubtful[key]
        return covered

    async def _drop(self, proven: Mapping[BlockKey, Slots], done: Demoted) -> None:
        if not proven:
            return
        # Noted first: from here on a gap of such a day is asked for, dropped or not.
        await self.notes.will_drop(max(key.day for key in proven))
        gone = await self.tier.drop(proven)
        done.dropped += len(gone)
        done.dropped_bytes += sum(proven[key].nbytes for key in gone)
        if left := len(proven) - len(gone):
            done.refused[CHANGED] += left


async def pages_of(
    held: DayHeld, meters: AsyncIterator[list[str]], *, size: int
) -> AsyncIterator[list[BlockKey]]:
    """The blocks of a day, of at most `size` meters at a time."""
    async for page in meters:
        names = list(dict.fromkeys(page))
        for begin in range(0, len(names), size):
            yield [
                BlockKey(name, held.register, held.day, held.interval_s)
                for name in names[begin : begin + size]
            ]
