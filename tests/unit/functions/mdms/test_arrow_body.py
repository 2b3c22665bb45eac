"""Arrow IPC streams: how columns become ours, and which streams are refused."""

import random
import re
from typing import Any

import arro3.core as arrow
import pytest

from functions.mdms.arrivals import Arrivals
from functions.mdms.arrow_body import read_arrow
from functions.mdms.readings_body import MalformedBody
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings, TooManyRegisters
from tests.unit.functions.mdms.arrow_streams import stream
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT

COLUMNS: dict[str, Any] = {
    "meter_id": ["A", "B", "A"],
    "register": [IMPORT, IMPORT, "1-0:2.8.0"],
    "at": [MIDNIGHT * 1_000_000, (MIDNIGHT + 900) * 1_000_000, MIDNIGHT * 1_000_000 + 1],
    "value": [1, 2, 3],
}


def read(body: bytes) -> Arrivals:
    return read_arrow(body, max_readings=1_000)


def test_columns_of_the_stream_become_ours() -> None:
    arrivals = read(stream(COLUMNS | {"interval_s": [900, None, 90_000], "quality": [14, 0, None]}))

    assert arrivals.listed
    assert (arrivals.meters, arrivals.registers) == (["A", "B"], [IMPORT, "1-0:2.8.0"])
    assert arrivals.run_meter.tolist() == [0, 1, 0]
    assert arrivals.run_register.tolist() == [0, 0, 1]
    assert arrivals.run_start_us.tolist() == COLUMNS["at"]
    assert arrivals.values.tolist() == [1, 2, 3]
    assert arrivals.run_interval_s.tolist() == [900, 0, -1]
    assert arrivals.quality.tolist() == [14, 0, 0]
    assert not arrivals.fault.any()


def test_without_lengths_they_are_register_reads() -> None:
    arrivals = read(stream(COLUMNS))

    assert arrivals.run_interval_s.tolist() == [0, 0, 0]
    assert arrivals.quality.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(arrow.DataType.large_utf8(), id="large_text"),
        pytest.param(
            arrow.DataType.dictionary(arrow.DataType.int32(), arrow.DataType.utf8()),
            id="dictionary",
        ),
        pytest.param(
            arrow.DataType.dictionary(arrow.DataType.uint8(), arrow.DataType.large_utf8()),
            id="dictionary_of_large_text",
        ),
    ],
)
def test_names_may_be_of_any_type_of_text(kind: arrow.DataType) -> None:
    names = arrow.Array(["B", None, "B"], arrow.DataType.utf8()).cast(kind)
    arrivals = read(stream(COLUMNS | {"meter_id": names}))

    assert [arrivals.meters[at] for at in arrivals.run_meter[[0, 2]]] == ["B", "B"]
    assert arrivals.fault.tolist() == [0, Reason.MALFORMED_READING, 0]


@pytest.mark.parametrize(("unit", "each"), [("s", 1), ("ms", 1_000), ("ns", 1_000_000_000)])
def test_instants_may_be_of_any_unit(unit: Any, each: int) -> None:
    counted = arrow.Array([MIDNIGHT * each, 0, -each], arrow.DataType.int64())
    at = counted.cast(arrow.DataType.timestamp(unit, tz="Asia/Baghdad"))
    arrivals = read(stream(COLUMNS | {"at": at}))

    assert arrivals.run_start_us.tolist() == [MIDNIGHT * 1_000_000, 0, -1_000_000]


def test_a_nanosecond_is_not_dropped_to_make_a_whole_second() -> None:
    counted = arrow.Array([1_000_000_001, 999_999_999, 0], arrow.DataType.int64())
    at = counted.cast(arrow.DataType.timestamp("ns", tz="UTC"))

    whole = read(stream(COLUMNS | {"at": at})).run_start_us % 1_000_000 == 0

    assert whole.tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["meter_id", "register", "at", "value"])
def test_a_null_costs_only_its_reading(name: str) -> None:
    column = [*COLUMNS[name][:1], None, *COLUMNS[name][2:]]
    arrivals = read(stream(COLUMNS | {name: column}))

    assert arrivals.fault.tolist() == [0, Reason.MALFORMED_READING, 0]
    assert f"`{name}` is null" in arrivals.error[1]


def test_a_number_beyond_64_bits_costs_only_its_reading() -> None:
    value = arrow.Array([1, 2**63, 3], arrow.DataType.uint64())
    arrivals = read(stream(COLUMNS | {"value": value}))

    assert arrivals.fault.tolist() == [0, Reason.VALUE_RANGE, 0]


def test_an_instant_beyond_all_clocks_costs_only_its_reading() -> None:
    counted = arrow.Array([MIDNIGHT, 2**62, MIDNIGHT], arrow.DataType.int64())
    at = counted.cast(arrow.DataType.timestamp("s", tz="UTC"))

    assert read(stream(COLUMNS | {"at": at})).fault.tolist() == [0, Reason.MALFORMED_READING, 0]


GOOD = stream(COLUMNS)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"meter_id,value\nA,1\n", "no message", id="csv"),
        pytest.param(GOOD[:-60], "breaks off", id="cut_off"),
        pytest.param(b"ARROW1\x00\x00" + GOOD, "no message", id="an_arrow_file"),
        pytest.param(stream(COLUMNS, compression="zstd"), "Content-Encoding", id="compressed"),
        pytest.param(
            stream({name: COLUMNS[name] for name in ("meter_id", "register", "at")}),
            "it has the columns",
            id="no_values",
        ),
        pytest.param(
            stream(COLUMNS | {"unit": arrow.Array([1, 2, 3], arrow.DataType.int8())}),
            "'unit'",
            id="unknown_column",
        ),
        pytest.param(
            stream(COLUMNS | {"value": arrow.Array([1.5, 2, 3], arrow.DataType.float64())}),
            "'value'",
            id="fractions",
        ),
        pytest.param(
            stream(COLUMNS | {"value": arrow.Array(["1", "2", "3"], arrow.DataType.utf8())}),
            "`value`",
            id="numbers_as_text",
        ),
        pytest.param(
            stream(
                COLUMNS
                | {"at": arrow.Array([1, 2, 3], arrow.DataType.int64()).cast(
                    arrow.DataType.timestamp("us")
                )}
            ),
            "time zone",
            id="no_time_zone",
        ),
    ],
)  # fmt: skip
def test_a_stream_that_is_none_of_readings_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=re.escape(says)):
        read(body)


def test_broken_bytes_are_refused_or_read_but_nothing_else() -> None:
    rng = random.Random(6)
    refused = 0
    for _ in range(1_000):
        body = bytearray(GOOD)
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.choice([0, 1, 255, rng.randrange(256)])
        try:
            read(bytes(body))
        except (MalformedBody, TooManyReadings):
            refused += 1

    assert 0 < refused < 1_000


def test_too_many_are_refused() -> None:
    with pytest.raises(TooManyReadings, match="3 readings"):
        read_arrow(GOOD, max_readings=2)
    many = [f"1-0:1.8.{number}" for number in range(257)]
    with pytest.raises(TooManyRegisters, match="257"):
        read(stream({"meter_id": many, "register": many, "at": [0] * 257, "value": [0] * 257}))
