"""A batch without some of its readings is the rest of it, in order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.readmission import without
from storage.model.runs import RunBatch

MIDNIGHT = 1_767_225_600


def batch_of(lengths: list[int]) -> RunBatch:
    total = sum(lengths)
    return RunBatch(
        meters=[f"m{n}" for n in range(len(lengths))],
        registers=["1-0:1.8.0"],
        run_meter=np.arange(len(lengths), dtype=np.int32),
        run_register=np.zeros(len(lengths), dtype=np.uint8),
        run_interval_s=np.full(len(lengths), 900, dtype=np.int32),
        run_start=np.full(len(lengths), MIDNIGHT, dtype=np.int64),
        run_length=np.array(lengths, dtype=np.int32),
        values=np.arange(total, dtype=np.int32),
        quality=np.zeros(total, dtype=np.uint8),
    )


def readings(batch: RunBatch) -> list[tuple[str, int, int]]:
    run = batch.run_of_reading()
    at = batch.run_start[run] + (np.arange(len(batch)) - batch.offsets[run]) * 900
    names = [batch.meters[meter] for meter in batch.run_meter[run]]
    return list(zip(names, at.tolist(), batch.values.tolist(), strict=True))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_the_rest_of_a_batch(lengths: list[int], data: st.DataObject) -> None:
    batch = batch_of(lengths)
    size = len(batch)
    left_out = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))

    rest = RunBatch.decode(without(batch, left_out).encode())

    every = readings(batch)
    assert readings(rest) == [one for one, out in zip(every, left_out, strict=True) if not out]
