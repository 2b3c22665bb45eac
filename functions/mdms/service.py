"""Ingest: decode a readings body, decide reading by reading, save what is good."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.batch_forming import form_batches
from functions.mdms.body_forms import BodyReader
from functions.mdms.group_commit import GroupCommit, NotTogether
from functions.mdms.merged_arrivals import columns_together
from functions.mdms.meter_table import MeterTable
from functions.mdms.outcomes import answers
from functions.mdms.policy_cache import PolicyCache
from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer
from functions.mdms.readings_body import open_body
from functions.mdms.readmission import Accepts
from functions.mdms.reason import Reason
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.series_body import Brought
from functions.mdms.series_columns import MAX_REGISTERS
from functions.mdms.technical_validation import TechnicalValidation
from functions.mdms.whole_runs import WholeRuns, form_whole_runs

_OF_REGISTRY = np.zeros(256, dtype=np.bool_)
_OF_REGISTRY[[Reason.UNKNOWN_METER, Reason.UNKNOWN_REGISTER, Reason.INTERVAL_SIZE]] = True


Answer: TypeAlias = ReadingsAnswer | SeriesAnswer


class Ingest:
    """First hop of a tenant's readings: every answer it gives is durable.

    Bodies that come at the same time are judged and stored together, in the order they came.
    """

    def __init__(
        self,
        *,
        store: Accepts,
        registry: RegistryCache,
        validation: TechnicalValidation,
        max_readings: int,
        policies: PolicyCache | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`policies` give what rule groups say of technical validation."""
        self._policies = policies
        self._store = store
        self._registry = registry
        self._validation = validation
        self._max_readings = max_readings
        self._clock = clock
        self._commits: GroupCommit[Brought, Answer] = GroupCommit(self._take_together)

    async def take(self, body: bytes, *, read: BodyReader = open_body) -> Answer:
        """Store the good readings of `body`, as `read` finds them, and say what became of each.

        Raises:
            MalformedBody, TooManyReadings, TooManyRegisters: nothing was stored.
            StoreFull, StoreUnavailable: some may be stored; sending the body again is harmless.
        """
        return await self.enter(body, read=read)

    def enter(self, body: bytes, *, read: BodyReader = open_body) -> asyncio.Future[Answer]:
        """As `take`, with the answer to come; what is wrong with the body is raised at once.

        Setting an exception leaves the body out, unless the store is at it.
        """
        brought = read(body, max_readings=self._max_readings)
        return self._commits.enter(brought, size=brought.effort)

    async def _take_together(self, bodies: Sequence[Brought]) -> list[Answer]:
        arrivals = columns_together(bodies)
        if len(arrivals.registers) > MAX_REGISTERS:
            raise NotTogether
        whole = await self._whole_runs(arrivals)
        if whole is not None:
            return answers(
                bodies,
                reason=np.zeros(len(arrivals), dtype=np.uint8),
                outcome=await self._stored(whole),
            )
        reading_run = arrivals.reading_run()
        start_s = arrivals.reading_start_s(reading_run)
        reason = await self._reasons(arrivals, reading_run, start_s)
        formed = form_batches(
            arrivals=arrivals, reading_run=reading_run, start_s=start_s, reason=reason
        )
        if len(bodies) > 1 and (reason == Reason.REPEATED).any():
            # The limit is for a body alone.
            raise NotTogether
        outcome = np.zeros(len(arrivals), dtype=np.uint8)
        for one in formed:
            outcome[one.place] = (await self._store.accept(one.batch)).outcomes
        return answers(bodies, reason=reason, outcome=outcome)

    async def _whole_runs(self, arrivals: Arrivals) -> WholeRuns | None:
        """The batch of readings that are all good, as nearly all are; None where it takes more."""
        meters = await self._registry.of(arrivals.meters)
        if self._policies is not None and await self._policies.of(meters) is not None:
            return None
        now_s = int(self._clock())
        if not self._validation.nothing_wrong(arrivals=arrivals, meters=meters, now_s=now_s):
            return None
        return form_whole_runs(arrivals)

    async def _stored(self, whole: WholeRuns) -> NDArray[np.uint8]:
        outcomes = (await self._store.accept(whole.batch)).outcomes
        if whole.was is None:
            return outcomes
        outcome = np.zeros(len(outcomes), dtype=np.uint8)
        outcome[whole.was] = outcomes
        return outcome

    async def _reasons(
        self,
        arrivals: Arrivals,
        reading_run: NDArray[np.int64],
        start_s: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        now_s = int(self._clock())

        async def judge(meters: MeterTable) -> NDArray[np.uint8]:
            policy = None if self._policies is None else await self._policies.of(meters)
            return self._validation.reasons(
                arrivals=arrivals,
                meters=meters,
                reading_run=reading_run,
                start_s=start_s,
                now_s=now_s,
                policy=policy,
            )

        meters = await self._registry.of(arrivals.meters)
        reason = await judge(meters)
        if _OF_REGISTRY[reason].any():
            newer = await self._registry.recheck(arrivals.meters, seen=meters)
            if newer is not meters:
                reason = await judge(newer)
        return reason
