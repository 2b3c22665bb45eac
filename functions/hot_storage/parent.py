"""Questions to the parent zone about a tenant's blocks, with the zone's credential."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx

from storage.model.recall import (
    MEDIA_TYPE,
    Answer,
    HistoryAnswer,
    ProofAnswer,
    Question,
    RecallUnreadable,
    decode,
    encode,
)

CONNECT_S: Final = 3.0
_OF_TIER: Final = {2: "/v1/cold_storage", 3: "/v1/hot_storage"}
"""By the tier that asks: which service of its parent answers."""
T = TypeVar("T")


class ParentUnreachable(Exception):
    """The parent gave no answer, or one that cannot be used; says why."""


class Parent:
    """The zone above, as one that may be cut off at any time."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        tier: int,
        within_s: float,
        rest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tier` is the asking zone's; after a failure nobody is asked for `rest_s`."""
        self._client = client
        self._prefix = _OF_TIER[tier]
        self._within_s = within_s
        self._rest_s = rest_s
        self._clock = clock
        self._rests_until = float("-inf")
        self.last_error: str | None = None

    @property
    def reachable(self) -> bool:
        """Whether the last question was answered."""
        return self.last_error is None

    async def recall(self, tenant: str, question: Question) -> Answer:
        """Ask for blocks.

        Raises:
            ParentUnreachable: see there.
        """
        return await self._ask(tenant, "recall", question, Answer)

    async def prove(self, tenant: str, question: Question) -> ProofAnswer:
        """Ask what the record has of blocks; raises as `recall`."""
        return await self._ask(tenant, "proofs", question, ProofAnswer)

    async def history(self, tenant: str, question: Question) -> HistoryAnswer:
        """Ask for the versions of blocks that do not count now; raises as `recall`."""
        return await self._ask(tenant, "history", question, HistoryAnswer)

    async def _ask(self, tenant: str, what: str, question: Question, kind: type[T]) -> T:
        if self._clock() < self._rests_until:
            raise ParentUnreachable(self.last_error or "the parent rests")
        try:
            answer = await self._client.post(
                f"{self._prefix}/{what}",
                content=encode(question),
                headers={"Content-Type": MEDIA_TYPE, "GridFaaS-Tenant": tenant},
                timeout=httpx.Timeout(self._within_s, connect=min(CONNECT_S, self._within_s)),
            )
        except httpx.HTTPError as error:
            raise self._failed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if answer.status_code != httpx.codes.OK:
            # One tenant's refusal says nothing about the others: nobody rests for it.
            raise ParentUnreachable(f"{what} answered {answer.status_code}: {answer.text[:200]}")
        try:
            found: Any = decode(answer.content, kind)
        except RecallUnreadable as error:
            raise ParentUnreachable(f"{what}: {error}") from error
        self.last_error = None
        return found  # type: ignore[no-any-return]  # decoded as `kind`

    def _failed(self, error: str) -> ParentUnreachable:
        self.last_error = error
        self._rests_until = self._clock() + self._rest_s
        return ParentUnreachable(error)
