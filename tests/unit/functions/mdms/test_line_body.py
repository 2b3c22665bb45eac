"""NDJSON: a reading a line, and what a bad line costs."""

import json
from typing import Any

import pytest

from functions.mdms.line_body import read_lines
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings
from tests.unit.functions.mdms.bodies import reading


def lines(*readings: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in readings)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lines(reading("A", 1), reading("B", 2)), id="ends_in_a_line_feed"),
        pytest.param(lines(reading("A", 1), reading("B", 2))[:-1], id="does_not"),
        pytest.param(lines(reading("A", 1), reading("B", 2)).replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lines(reading("A", 1), reading("B", 2)).replace(b"\n", b"\n\n"), id="blank"),
    ],
)
def test_a_line_is_a_reading(body: bytes) -> None:
    arrivals = read_lines(body, max_readings=10)

    assert arrivals.listed
    assert arrivals.meters == ["A", "B"]
    assert arrivals.values.tolist() == [1, 2]
    assert not arrivals.fault.any()


@pytest.mark.parametrize(
    ("bad", "reason", "says"),
    [
        pytest.param(b'{"meter_id": "A"', Reason.MALFORMED_READING, "truncated", id="cut_off"),
        pytest.param(b"rubbish", Reason.MALFORMED_READING, "malformed", id="no_json"),
        pytest.param(b"[1]", Reason.MALFORMED_READING, "object", id="a_list"),
        pytest.param(b'{"meter_id": "\xff"}', Reason.MALFORMED_READING, "utf-8", id="not_utf_8"),
        pytest.param(b"[" * 100_000, Reason.MALFORMED_READING, "array", id="very_deep"),
        pytest.param(
            lines(reading("A", "1")).strip(), Reason.MALFORMED_READING, "$.value", id="text"
        ),
        pytest.param(
            lines(reading("A", 1, at="now")).strip(), Reason.MALFORMED_READING, "RFC", id="instant"
        ),
        pytest.param(lines(reading("A", 2**63)).strip(), Reason.VALUE_RANGE, None, id="64_bits"),
    ],
)
def test_a_bad_line_costs_itself_and_is_named(bad: bytes, reason: Reason, says: str | None) -> None:
    good = lines(reading("A", 1))
    arrivals = read_lines(good + b"\n" + bad + b"\n" + good, max_readings=10)

    assert arrivals.fault.tolist() == [0, reason, 0]
    if says is not None:
        assert arrivals.error[1].startswith("line 3: ")
        assert says in arrivals.error[1]


def test_nothing_is_nothing() -> None:
    assert len(read_lines(b"", max_readings=10)) == 0
    assert len(read_lines(b"\n\n", max_readings=10)) == 0


@pytest.mark.parametrize("body", [b"\n" * 11, lines(*[reading("A", 1)] * 11)])
def test_too_many_lines_are_refused_before_they_are_read(body: bytes) -> None:
    with pytest.raises(TooManyReadings, match="11 readings"):
        read_lines(body, max_readings=10)
