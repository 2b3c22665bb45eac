"""CSV: headers and rows as spreadsheets and head-ends write them."""

import re

import pytest

from functions.mdms.csv_body import read_csv
from functions.mdms.readings_body import MalformedBody
from functions.mdms.reason import Reason
from functions.mdms.series_columns import TooManyReadings
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT

HEADER = "meter_id,register,at,value,interval_s,quality\n"
FIRST = f"A,{IMPORT},2026-01-01T00:00:00Z,1,900,14\n"
SECOND = f"B,{IMPORT},2026-01-01T00:15:00Z,2,,\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEADER + FIRST + SECOND, id="plain"),
        pytest.param((HEADER + FIRST + SECOND).strip(), id="no_line_feed_at_the_end"),
        pytest.param("\ufeff" + HEADER + FIRST + SECOND, id="byte_order_mark"),
        pytest.param((HEADER + FIRST + SECOND).replace("\n", "\r\n"), id="crlf"),
        pytest.param((HEADER + FIRST + SECOND).replace(",", ";"), id="semicolons"),
        pytest.param((HEADER + FIRST + SECOND).replace("\n", "\n\n"), id="blank_lines"),
        pytest.param(HEADER.upper() + FIRST + SECOND, id="upper_case_header"),
        pytest.param((HEADER + FIRST + SECOND).replace(",", ", "), id="spaces"),
        pytest.param(HEADER + FIRST.replace("A,", '"A",') + SECOND, id="quoted"),
    ],
)
def test_rows_become_columns(text: str) -> None:
    arrivals = read_csv(text.encode(), max_readings=10)

    assert arrivals.listed
    assert (arrivals.meters, arrivals.registers) == (["A", "B"], [IMPORT])
    assert arrivals.run_start_us.tolist() == [MIDNIGHT * 1_000_000, (MIDNIGHT + 900) * 1_000_000]
    assert arrivals.values.tolist() == [1, 2]
    assert arrivals.run_interval_s.tolist() == [900, 0]
    assert arrivals.quality.tolist() == [14, 0]
    assert not arrivals.fault.any()


def test_columns_may_stand_in_any_order_and_the_last_two_be_missing() -> None:
    text = f"value,at,register,meter_id\n7,2026-01-01T01:00:00+01:00,{IMPORT},A\n"
    arrivals = read_csv(text.encode(), max_readings=10)

    assert arrivals.values.tolist() == [7]
    assert arrivals.run_start_us.tolist() == [MIDNIGHT * 1_000_000]
    assert arrivals.run_interval_s.tolist() == [0]


@pytest.mark.parametrize(
    ("row", "reason", "says"),
    [
        pytest.param("A,x", Reason.MALFORMED_READING, "2 fields", id="short"),
        pytest.param(FIRST.strip() + ",9", Reason.MALFORMED_READING, "7 fields", id="long"),
        pytest.param(f"A,{IMPORT},now,1,,", Reason.MALFORMED_READING, "RFC 3339", id="instant"),
        pytest.param("A,x,2026-01-01T00:00:00,1,,", Reason.MALFORMED_READING, "RFC", id="no_zone"),
        *(
            pytest.param(
                f"A,x,2026-01-01T00:00:00Z,{value},,",
                Reason.MALFORMED_READING,
                "`value`",
                id=f"value_{value}",
            )
            for value in ("", "1.5", "1e3", "1_000", "+-1", "٣", "1" * 41)
        ),
        pytest.param("A,x,2026-01-01T00:00:00Z,1,900.0,", Reason.MALFORMED_READING, "`interval_s`",
                     id="length"),
        pytest.param("A,x,2026-01-01T00:00:00Z,1,,good", Reason.MALFORMED_READING, "`quality`",
                     id="quality"),
        pytest.param(f"A,x,2026-01-01T00:00:00Z,{2**63},,", Reason.VALUE_RANGE, None,
                     id="beyond_64_bits"),
    ],
)  # fmt: skip
def test_a_bad_row_costs_itself_and_is_named(row: str, reason: Reason, says: str | None) -> None:
    arrivals = read_csv((HEADER + FIRST + row + "\n" + SECOND).encode(), max_readings=10)

    assert arrivals.fault.tolist() == [0, reason, 0]
    assert arrivals.values[[0, 2]].tolist() == [1, 2]
    if says is not None:
        assert arrivals.error[1].startswith("line 3: ")
        assert says in arrivals.error[1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "lacks meter_id", id="empty"),
        pytest.param(FIRST.encode(), "a column 'a'", id="no_header"),
        pytest.param(b"meter_id,at,value\n", "lacks register", id="a_column_short"),
        pytest.param(HEADER.replace("quality", "unit").encode(), "'unit'", id="unknown_column"),
        pytest.param(HEADER.replace("quality", "value").encode(), "twice", id="column_twice"),
        pytest.param((HEADER + '"A' + FIRST).encode(), "line 2", id="open_quote"),
        pytest.param(HEADER.encode("utf-16"), "utf-8", id="utf_16"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(body: bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=re.escape(says)):
        read_csv(body, max_readings=10)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooManyReadings):
        read_csv((HEADER + FIRST * 11).encode(), max_readings=10)
