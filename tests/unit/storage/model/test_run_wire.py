"""Runs as they are written: short where a column is the same throughout, readable as they were."""

from typing import Any

import msgspec
import numpy as np
import pytest

from storage.model.run_wire import SHORT, WHOLE, RunWire
from storage.model.runs import PayloadUnreadable, RunBatch
from tests.contract.hot_readings import DAY, Run, batch_of

_COLUMNS = ["run_meter", "run_register", "run_interval_s", "run_start", "run_length"]
_decoder = msgspec.msgpack.Decoder(RunWire[list[str]])


def _instant(meters: int) -> RunBatch:
    return batch_of(*(Run(meter_id=f"B{n:06}", values=[n * 7], slot=3) for n in range(meters)))


def _written(batch: RunBatch, **changes: Any) -> bytes:
    wire = _decoder.decode(batch.encode())
    for name, value in changes.items():
        setattr(wire, name, value)
    return msgspec.msgpack.encode(wire)


def test_an_instant_of_many_meters_takes_little_more_than_names_and_values() -> None:
    # A name of seven characters and its length, four bytes of value, one of quality.
    assert len(_instant(1_000).encode()) < 13 * 1_000 + 200


def test_bytes_of_the_whole_format_are_read() -> None:
    batch = _instant(5)
    wire = _decoder.decode(batch.encode())
    wire.spread()
    wire.format, wire.runs = WHOLE, None

    back = RunBatch.decode(msgspec.msgpack.encode(wire))

    for name in [*_COLUMNS, "values", "quality"]:
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name), err_msg=name)


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(_instant(0), id="no_runs"),
        pytest.param(_instant(1), id="one_run"),
        pytest.param(_instant(9), id="an_instant"),
        pytest.param(
            batch_of(*(Run(values=[1, 2], day=DAY + n) for n in range(4))), id="days_of_one_meter"
        ),
        pytest.param(
            batch_of(Run(values=[1], meter_id="B"), Run(values=[2, 3], meter_id="A", slot=9)),
            id="meters_in_another_order",
        ),
        pytest.param(
            batch_of(
                Run(values=[1], register="1-0:2.8.0"),
                Run(values=[1], register="1-0:1.8.0", interval_s=1_800),
            ),
            id="registers_and_intervals_that_differ",
        ),
    ],
)
def test_what_is_written_short_comes_back_whole(batch: RunBatch) -> None:
    payload = batch.encode()

    assert _decoder.decode(payload).format == SHORT
    back = RunBatch.decode(payload)
    for name in [*_COLUMNS, "values", "quality"]:
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name), err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"runs": 10**12}, id="more_runs_than_readings"),
        pytest.param({"runs": -1}, id="less_than_no_runs"),
        pytest.param({"runs": 8}, id="fewer_runs_than_readings_of_one"),
        pytest.param({"runs": None}, id="no_number_of_runs"),
        pytest.param({"run_start": bytes(16)}, id="two_starts_of_nine"),
        pytest.param({"run_length": b""}, id="no_length"),
        pytest.param({"run_register": b""}, id="no_register"),
        pytest.param({"values": bytes(4)}, id="one_value_for_all"),
        pytest.param({"quality": bytes(1)}, id="one_quality_for_all"),
        pytest.param({"format": WHOLE}, id="short_columns_in_the_whole_format"),
    ],
)
def test_columns_that_contradict_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PayloadUnreadable):
        RunBatch.decode(_written(_instant(9), **changes))
