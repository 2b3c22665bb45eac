"""What a body may look like, and what is left of a bad one."""

import re
from typing import Any

import pytest

from functions.mdms.arrivals import Arrivals
from functions.mdms.readings_body import MalformedBody, read_body
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings, TooManyRegisters
from tests.unit.functions.mdms.bodies import MIDNIGHT, body, instant, run


def read(*series: dict[str, Any]) -> Arrivals:
    return read_body(body(*series), max_readings=1_000)


def faults(arrivals: Arrivals) -> list[Reason]:
    return [Reason(code) for code in arrivals.fault.tolist()]


def test_a_run_and_an_instant_become_columns_in_the_order_of_the_body() -> None:
    arrivals = read(
        run("A", [1, 2, 3], quality=[0, 14, 8]),
        instant(["B", "A"], [4, 5], at="2026-01-01T01:00:00+01:00", quality=14),
    )

    reading_run = arrivals.reading_run()
    assert arrivals.meters == ["A", "B"]
    assert arrivals.series_length.tolist() == [3, 2]
    assert reading_run.tolist() == [0, 0, 0, 1, 2]
    assert arrivals.run_meter.tolist() == [0, 1, 0]
    assert arrivals.values.tolist() == [1, 2, 3, 4, 5]
    assert arrivals.quality.tolist() == [0, 14, 8, 14, 14]
    starts = [MIDNIGHT, MIDNIGHT + 900, MIDNIGHT + 1_800, MIDNIGHT, MIDNIGHT]
    assert arrivals.reading_start_s(reading_run).tolist() == starts
    assert not arrivals.fault.any()


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        pytest.param("12", Reason.WRONG_TYPE, id="text"),
        pytest.param(1.5, Reason.WRONG_TYPE, id="a_fraction"),
        pytest.param(None, Reason.WRONG_TYPE, id="null"),
        pytest.param(True, Reason.WRONG_TYPE, id="a_truth_value"),
        pytest.param({"v": 1}, Reason.WRONG_TYPE, id="an_object"),
        pytest.param(2**63, Reason.VALUE_RANGE, id="beyond_64_bits"),
        pytest.param(10**40, Reason.VALUE_RANGE, id="forty_digits"),
    ],
)
def test_a_value_that_is_no_integer_costs_only_itself(value: Any, fault: Reason) -> None:
    arrivals = read(run("A", [1, value, 3]), run("B", [4]))

    assert faults(arrivals) == [Reason.NONE, fault, Reason.NONE, Reason.NONE]
    assert arrivals.values[[0, 2, 3]].tolist() == [1, 3, 4]


def test_a_meter_id_that_is_no_text_costs_only_its_reading() -> None:
    arrivals = read(instant(["A", 7, "B"], [1, 2, 3]))

    assert faults(arrivals) == [Reason.NONE, Reason.WRONG_TYPE, Reason.NONE]


def test_a_quality_that_is_no_code_is_left_to_its_rule() -> None:
    arrivals = read(run("A", [1, 2], quality=[0, "good"]))

    assert arrivals.quality.tolist() == [0, -1]
    assert not arrivals.fault.any()


@pytest.mark.parametrize(
    ("series", "says"),
    [
        pytest.param(run("A", [1], start="yesterday"), "$.series[0].start", id="no_timestamp"),
        pytest.param(
            run("A", [1], start="2026-01-01T00:00:00"), "$.series[0].start", id="no_time_zone"
        ),
        pytest.param(run("A", [1], unit="kWh"), "unknown field `unit`", id="unknown_field"),
        pytest.param(run("A", [1], at="2026-01-01T00:00:00Z"), "either", id="both_forms"),
        pytest.param({"register": "r", "interval_s": 900, "values": [1]}, "either", id="no_form"),
        pytest.param(instant(["A", "B"], [1]), "2 `meter_ids` for 1 `values`", id="lengths"),
        pytest.param(run("A", [1], quality=[0, 0]), "2 `quality`", id="quality_lengths"),
    ],
)
def test_a_series_that_cannot_be_understood_costs_only_its_readings(
    series: dict[str, Any], says: str
) -> None:
    arrivals = read(series, run("B", [2, 3]))

    assert faults(arrivals) == [Reason.MALFORMED_SERIES, Reason.NONE, Reason.NONE]
    assert says in arrivals.error[0]
    assert set(arrivals.error) == {0}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b'{"series": [', "truncated", id="cut_off"),
        pytest.param(b'{"series": [}', "byte 12", id="says_where"),
        pytest.param(b"", "truncated", id="empty"),
        pytest.param(b"[1]", "object", id="another_shape"),
        pytest.param(b'{"serie": []}', "serie", id="unknown_name"),
        pytest.param(b'{"series": [{"meter_id": "A"}]}', "$.series[0]", id="no_values"),
        pytest.param(b'{"series": [3]}', "$.series[0]", id="series_is_a_number"),
        pytest.param(b'{"series": [{"meter_id": "\xff"}]}', "'utf-8' codec", id="not_utf_8"),
        pytest.param(b'{"series": [' + b"[" * 100_000, "recursion", id="very_deep"),
        pytest.param(b'{"series": [{"x": ' + b"[" * 100_000, "recursion", id="very_deep_inside"),
    ],
)
def test_a_body_that_is_no_list_of_series_is_refused_as_a_whole(content: bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=re.escape(says)):
        read_body(content, max_readings=10)


def test_a_body_without_series_is_empty() -> None:
    assert len(read()) == 0
    assert len(read(run("A", []))) == 0


def test_too_many_readings_are_refused_before_they_are_laid_out() -> None:
    with pytest.raises(TooManyReadings, match="3 readings in one body; at most 2"):
        read_body(body(run("A", [1, 2]), run("B", [3])), max_readings=2)


def test_too_many_registers_are_refused() -> None:
    many = [run("A", [1], register=f"1-0:1.8.{number}") for number in range(257)]

    with pytest.raises(TooManyRegisters, match="257 registers"):
        read(*many)
