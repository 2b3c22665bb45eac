"""What validation on the way asks of the stores, and of what estimates."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from functions.mdms.vee.event_judging import InstantBook
from functions.mdms.vee.gap_look import PresenceReader
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.held_findings import BlockName, HeldRun
from functions.mdms.vee.judging import CellReader
from functions.mdms.vee.register_judging import ReadReader
from storage.hot.validation import ValidationState, Waiting
from storage.model.runs import RunBatch


class ValidationQueue(InstantBook, Protocol):
    """What waits and what is held: `storage.hot.validation.HotValidation`, which says what is what.

    Each call may raise StoreUnavailable.
    """

    async def waiting(self, *, max_bytes: int) -> list[Waiting]: ...
    async def backlog(self) -> tuple[int, int]: ...
    async def state(self) -> ValidationState: ...
    async def settle(
        self,
        state: ValidationState,
        *,
        newest_s: int,
        done: Sequence[Waiting],
        payload: bytes,
        findings: Mapping[str, bytes],
        looks: Mapping[str, bytes],
    ) -> ValidationState | None: ...
    async def findings(self, names: Sequence[str]) -> dict[str, bytes]: ...
    def all_findings(self) -> AsyncIterator[tuple[str, bytes]]: ...
    async def looks_of(self, names: Sequence[str]) -> dict[str, bytes]: ...
    def all_looks(self) -> AsyncIterator[tuple[str, bytes]]: ...


class Values(CellReader, PresenceReader, ReadReader, Protocol):
    """Where values are read from: `RedisHotStore`."""


class Filler(Protocol):
    """What estimates gaps: `functions.mdms.gap_filling.GapFilling`."""

    def fill(
        self,
        findings: Iterable[tuple[BlockName, list[HeldRun]]],
        *,
        choice: GroupChoice,
        newest_s: int,
    ) -> AsyncIterator[RunBatch]: ...
