"""Instants as texts: the quick way and the general one agree."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.instants import UNREADABLE, micros, micros_of
from tests.unit.functions.mdms.bodies import MIDNIGHT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(GOOD, MIDNIGHT, id="whole_seconds_utc"),
        pytest.param("2026-01-01T00:00:00.25Z", MIDNIGHT + 0.25, id="a_fraction"),
        pytest.param("2026-01-01T03:00:00+03:00", MIDNIGHT, id="an_offset"),
        pytest.param("2026-01-01t00:00:00z", MIDNIGHT, id="small_letters"),
        pytest.param("2024-02-29T00:00:07Z", 1_709_164_807, id="a_leap_day"),
        pytest.param("1969-12-31T23:59:59Z", -1, id="before_1970"),
        pytest.param("9999-12-31T23:59:59Z", 253_402_300_799, id="the_last_second"),
    ],
)
def test_an_instant_is_read(text: str, seconds: float) -> None:
    assert micros(text) == seconds * 1_000_000
    assert micros_of([text]).tolist() == [seconds * 1_000_000]
    assert micros_of([GOOD, text]).tolist() == [MIDNIGHT * 1_000_000, seconds * 1_000_000]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("2026-01-01T00:00:00", id="no_offset"),
        pytest.param("2026-01-01", id="a_date"),
        pytest.param("2026-13-01T00:00:00Z", id="month_13"),
        pytest.param("2026-02-29T00:00:00Z", id="no_leap_year"),
        pytest.param("2026-01-01T24:00:00Z", id="hour_24"),
        pytest.param("2026-01-01T00:00:60Z", id="second_60"),
        pytest.param("2026-01-01T00-00-00Z", id="other_separators"),
        pytest.param("+026-01-01T00:00:00Z", id="a_signed_year"),
        pytest.param("2026-01-01T0a:00:00Z", id="a_letter"),
        pytest.param("2026-01-01T00:00:0éZ", id="not_ascii"),
        pytest.param(f"{GOOD}\n{GOOD}", id="two_in_one"),
    ],
)
def test_what_is_no_instant_is_said_and_costs_only_itself(text: str) -> None:
    assert micros(text) == UNREADABLE
    assert micros_of([GOOD, text, GOOD]).tolist() == [
        MIDNIGHT * 1_000_000,
        UNREADABLE,
        MIDNIGHT * 1_000_000,
    ]


def test_texts_that_only_join_to_instants_are_none() -> None:
    # One shorter and one longer text, together as long as two good ones.
    assert micros_of([GOOD[:-1], f"Z{GOOD}"]).tolist() == [UNREADABLE, UNREADABLE]
    assert micros_of(["", f"{GOOD}\n{GOOD[:-1]}"]).tolist() == [UNREADABLE, UNREADABLE]


def test_no_texts_are_no_instants() -> None:
    assert micros_of([]).tolist() == []


@given(st.lists(st.integers(0, 253_402_300_799), max_size=20))
def test_many_whole_seconds_are_read_as_each_alone(seconds: list[int]) -> None:
    texts = [f"{EPOCH + timedelta(seconds=one):%Y-%m-%dT%H:%M:%S}Z" for one in seconds]

    assert micros_of(texts).tolist() == [micros(text) for text in texts]
    assert micros_of(texts).tolist() == [one * 1_000_000 for one in seconds]
