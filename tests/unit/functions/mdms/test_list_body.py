"""A list of readings: how it becomes columns, and what is left of a bad one."""

import re
from typing import Any

import pytest

from functions.mdms.arrivals import Arrivals
from functions.mdms.readings_body import MalformedBody, read_body
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings, TooManyRegisters
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT, list_body, reading


def read(*readings: Any, **changes: Any) -> Arrivals:
    return read_body(list_body(*readings, **changes), max_readings=1_000)


def faults(arrivals: Arrivals) -> list[Reason]:
    return [Reason(code) for code in arrivals.fault.tolist()]


def test_readings_become_columns_in_the_order_of_the_list() -> None:
    arrivals = read(
        reading("A", 1, at="2026-01-01T00:15:00Z", quality=14),
        reading("B", 2, register="1-0:2.8.0"),
        reading("A", 3),
    )

    assert arrivals.listed
    assert (arrivals.meters, arrivals.registers) == (["A", "B"], [IMPORT, "1-0:2.8.0"])
    assert arrivals.series_length.tolist() == [3]
    assert arrivals.run_length.tolist() == [1, 1, 1]
    assert arrivals.run_meter.tolist() == [0, 1, 0]
    assert arrivals.run_register.tolist() == [0, 1, 0]
    assert arrivals.values.tolist() == [1, 2, 3]
    assert arrivals.quality.tolist() == [14, 0, 0]
    starts = arrivals.reading_start_s(arrivals.reading_run())
    assert starts.tolist() == [MIDNIGHT + 900, MIDNIGHT, MIDNIGHT]
    assert not arrivals.fault.any()


@pytest.mark.parametrize(
    ("default", "own", "length"),
    [
        pytest.param({}, {}, 0, id="without_a_length_it_is_a_register_read"),
        pytest.param({"interval_s": 900}, {}, 900, id="the_lists_length"),
        pytest.param({"interval_s": 900}, {"interval_s": 1800}, 1800, id="its_own_length"),
        pytest.param({"interval_s": 900}, {"interval_s": 0}, 0, id="a_register_read_among_them"),
        pytest.param({"interval_s": 86_401}, {}, -1, id="longer_than_a_day"),
        pytest.param({"interval_s": -1}, {}, -1, id="negative"),
        pytest.param({"interval_s": 10**30}, {}, -1, id="a_default_of_thirty_digits"),
        pytest.param({}, {"interval_s": 10**30}, -1, id="thirty_digits_of_its_own"),
    ],
)
def test_a_length_says_what_a_reading_is(
    default: dict[str, int], own: dict[str, int], length: int
) -> None:
    arrivals = read(reading("A", 1, **own), reading("B", 2, interval_s=60), **default)

    assert arrivals.run_interval_s.tolist() == [length, 60]
    assert not arrivals.fault.any()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        pytest.param(reading("A", "1"), "got `str` - at `$.readings[1].value`", id="text"),
        pytest.param(reading("A", 1.5), "$.readings[1].value", id="a_fraction"),
        pytest.param(reading(7, 1), "$.readings[1].meter_id", id="a_meter_that_is_a_number"),
        pytest.param(reading("A", 1, quality="good"), "$.readings[1].quality", id="quality"),
        pytest.param(reading("A", 1, unit="kWh"), "unknown field `unit`", id="unknown_field"),
        pytest.param({"meter_id": "A"}, "missing required field", id="half_a_reading"),
        pytest.param([1], "$.readings[1]", id="a_list"),
        pytest.param(None, "$.readings[1]", id="null"),
        pytest.param(reading("A", 1, at="now"), "RFC 3339", id="no_instant"),
        pytest.param(reading("A", 1, at="2026-01-01T00:00:00"), "offset", id="no_offset"),
    ],
)
def test_what_cannot_be_understood_costs_only_itself(bad: Any, says: str) -> None:
    arrivals = read(reading("A", 1), bad, reading("B", 3))

    assert faults(arrivals) == [Reason.NONE, Reason.MALFORMED_READING, Reason.NONE]
    assert says in arrivals.error[1]
    assert arrivals.values[[0, 2]].tolist() == [1, 3]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**40])
def test_a_value_beyond_64_bits_costs_only_itself(value: int) -> None:
    arrivals = read(reading("A", 2**63 - 1), reading("A", value), reading("B", -(2**63)))

    assert faults(arrivals) == [Reason.NONE, Reason.VALUE_RANGE, Reason.NONE]
    assert arrivals.values[[0, 2]].tolist() == [2**63 - 1, -(2**63)]


@pytest.mark.parametrize("quality", [-1, 256, 10**30])
def test_a_quality_that_no_byte_holds_is_left_to_its_rule(quality: int) -> None:
    arrivals = read(reading("A", 1, quality=quality), reading("A", 2**63))

    assert arrivals.quality.tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b'{"readings": [', "truncated", id="cut_off"),
        pytest.param(b'{"readings": [}', "byte 14", id="says_where"),
        pytest.param(b'{"readings": 3}', "$.readings", id="no_list"),
        pytest.param(b'{"readings": [], "series": []}', "either", id="both_forms"),
        pytest.param(b'{"readings": [3], "series": [4]}', "either", id="both_forms_of_rubbish"),
        pytest.param(b"{}", "either", id="neither_form"),
        pytest.param(b'{"series": [], "interval_s": 900}', "either", id="a_length_for_series"),
        pytest.param(b'{"readings": [], "interval_s": "900"}', "interval_s", id="length_is_text"),
        pytest.param(b'{"readings": [' + b"[" * 100_000, "recursion", id="very_deep"),
    ],
)
def test_a_body_of_another_form_is_refused_as_a_whole(content: bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=re.escape(says)):
        read_body(content, max_readings=10)


def test_an_empty_list_is_empty() -> None:
    assert len(read()) == 0


@pytest.mark.parametrize("last", [3, "3"], ids=["read_strictly", "read_one_by_one"])
def test_too_many_readings_are_refused_before_they_are_laid_out(last: Any) -> None:
    content = list_body(*(reading("A", value) for value in (1, 2, last)))

    with pytest.raises(TooManyReadings, match="3 readings in one body; at most 2"):
        read_body(content, max_readings=2)


def test_too_many_registers_are_refused() -> None:
    with pytest.raises(TooManyRegisters, match="257 registers"):
        read(*(reading("A", 1, register=f"1-0:1.8.{number}") for number in range(257)))
