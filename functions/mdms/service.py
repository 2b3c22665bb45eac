"""Ingest: decode a readings body, decide reading by reading, save what is good."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.batch_forming import form_batches
from functions.mdms.meter_table import MeterTable
from functions.mdms.outcomes import answer
from functions.mdms.readings_body import read_body
from functions.mdms.reason import Reason
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.schema import ReadingsAnswer, SeriesAnswer
from functions.mdms.technical_validation import TechnicalValidation
from storage.ports import HotStore

_OF_REGISTRY = np.zeros(256, dtype=np.bool_)
_OF_REGISTRY[[Reason.UNKNOWN_METER, Reason.UNKNOWN_REGISTER, Reason.INTERVAL_SIZE]] = True


class Ingest:
    """First hop of a tenant's readings: every answer it gives is durable."""

    def __init__(
        self,
        *,
        store: HotStore,
        registry: RegistryCache,
        validation: TechnicalValidation,
        max_readings: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._registry = registry
        self._validation = validation
        self._max_readings = max_readings
        self._clock = clock

    async def take(self, body: bytes) -> ReadingsAnswer | SeriesAnswer:
        """Store the good readings of `body` and say what became of each reading.

        Raises:
            MalformedBody, TooManyReadings, TooManyRegisters: nothing was stored.
            StoreFull, StoreUnavailable: some may be stored; sending the body again is harmless.
        """
        arrivals = read_body(body, max_readings=self._max_readings)
        reading_run = arrivals.reading_run()
        start_s = arrivals.reading_start_s(reading_run)
        reason = await self._reasons(arrivals, reading_run, start_s)
        formed = form_batches(
            arrivals=arrivals, reading_run=reading_run, start_s=start_s, reason=reason
        )
        outcome = np.zeros(len(arrivals), dtype=np.uint8)
        for one in formed:
            outcome[one.place] = (await self._store.accept(one.batch)).outcomes
        return answer(arrivals=arrivals, reason=reason, outcome=outcome)

    async def _reasons(
        self,
        arrivals: Arrivals,
        reading_run: NDArray[np.int64],
        start_s: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        now_s = int(self._clock())

        def judge(meters: MeterTable) -> NDArray[np.uint8]:
            return self._validation.reasons(
                arrivals=arrivals,
                meters=meters,
                reading_run=reading_run,
                start_s=start_s,
                now_s=now_s,
            )

        meters = await self._registry.table()
        reason = judge(meters)
        if _OF_REGISTRY[reason].any():
            newer = await self._registry.recheck()
            if newer.version != meters.version:
                reason = judge(newer)
        return reason
