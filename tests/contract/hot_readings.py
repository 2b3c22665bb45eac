"""Batches of readings for tests, written the way one would say them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model.block import BlockKey
from storage.model.quality import Quality
from storage.model.runs import DAY_S, RunBatch

REGISTER = "1-0:1.8.0"
DAY = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive readings of one meter on one day."""

    values: Sequence[int]
    meter_id: str = "M-1"
    register: str = REGISTER
    day: int = DAY
    slot: int = 0
    interval_s: int = 900
    quality: int | Sequence[int] = Quality.VALID

    @property
    def key(self) -> BlockKey:
        return BlockKey(self.meter_id, self.register, self.day, self.interval_s)


def batch_of(*runs: Run) -> RunBatch:
    meters = sorted({run.meter_id for run in runs})
    registers = sorted({run.register for run in runs})
    qualities = [np.full(len(run.values), run.quality, dtype=np.uint8) for run in runs]
    return RunBatch(
        meters=meters,
        registers=registers,
        run_meter=np.array([meters.index(run.meter_id) for run in runs], dtype=np.int32),
        run_register=np.array([registers.index(run.register) for run in runs], dtype=np.uint8),
        run_interval_s=np.array([run.interval_s for run in runs], dtype=np.int32),
        run_start=np.array(
            [run.day * DAY_S + run.slot * run.interval_s for run in runs], dtype=np.int64
        ),
        run_length=np.array([len(run.values) for run in runs], dtype=np.int32),
        values=np.array([value for run in runs for value in run.values], dtype=np.int32),
        quality=np.concatenate([np.zeros(0, dtype=np.uint8), *qualities]),
    )
