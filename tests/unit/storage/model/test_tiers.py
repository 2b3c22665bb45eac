"""Blocks that two tiers hold parts of, and proofs that one copy can stand for another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.model.block import HAS_RAW, PRESENT, SLOT
from storage.model.block_proof import digest_of, uncovered
from storage.model.event_block import EVENT
from storage.model.quality import Quality
from storage.model.tiers import NEVER, joined, joined_events, must_ask

Told = tuple[int | None, int | None, int]
"""Raw and final value, quality; None for none."""


def slots(*told: Told | None, layout: np.dtype[np.void] = SLOT) -> NDArray[np.void]:
    made = np.zeros(len(told), dtype=layout)
    for slot, one in zip(made, told, strict=True):
        if one is None:
            continue
        raw, final, quality = one
        slot["flags"] = PRESENT * (final is not None) | HAS_RAW * (raw is not None)
        slot["raw"], slot["final"], slot["quality"] = raw or 0, final or 0, quality
    return made


def actual(value: int) -> Told:
    return value, value, Quality.VALID


def edited(value: int, *, raw: int | None = None) -> Told:
    return raw, value, Quality.EDITED


def estimated(value: int) -> Told:
    return None, value, Quality.ESTIMATED


def test_what_is_not_here_is_asked_for() -> None:
    assert must_ask(None, day=5, dropped_through=NEVER)


@pytest.mark.parametrize(
    ("day", "held", "asked"),
    [
        pytest.param(5, slots(actual(1), None), True, id="a_late_reading_of_a_dropped_day"),
        pytest.param(6, slots(actual(1), None), False, id="a_gap_of_a_day_never_dropped"),
        pytest.param(5, slots(actual(1), actual(0)), False, id="a_whole_block"),
    ],
)
def test_gaps_are_asked_for_where_something_was_dropped(
    day: int, held: NDArray[np.void], asked: bool
) -> None:
    assert must_ask(held, day=day, dropped_through=5) is asked


def test_the_tiers_join() -> None:
    here = slots(actual(1), None, actual(3), actual(4))
    below = slots(actual(9), actual(2), edited(30, raw=29), estimated(40))

    both = joined(here, below)

    assert both["final"].tolist() == [1, 2, 30, 4]
    # What was metered here last is the raw value, whatever an editor made of it.
    assert both["raw"].tolist() == [1, 2, 3, 4]
    assert here["final"].tolist() == [1, 0, 3, 4]


def test_events_of_both_tiers_join_by_instant() -> None:
    here = slots(actual(1), actual(2), layout=EVENT)
    here["at"] = [10, 30]
    below = slots(actual(7), edited(8), layout=EVENT)
    below["at"] = [20, 30]

    both = joined_events(here, below)

    assert both["at"].tolist() == [10, 20, 30]
    assert both["final"].tolist() == [1, 7, 8]


values = st.integers(-5, 5)
tolds = st.one_of(
    st.none(),
    values.map(actual),
    values.map(estimated),
    st.builds(edited, values, raw=st.one_of(st.none(), values)),
)
blocks = st.lists(tolds, min_size=4, max_size=4).map(lambda told: slots(*told))


@given(blocks, blocks)
def test_joining_loses_nothing_and_doubles_nothing(
    here: NDArray[np.void], below: NDArray[np.void]
) -> None:
    both = joined(here, below)

    present = (both["flags"] & PRESENT) != 0
    assert present.tolist() == ((here["flags"] | below["flags"]) & PRESENT != 0).tolist()
    assert joined(both, below).tobytes() == both.tobytes()


@given(blocks, blocks)
def test_a_digest_is_equal_for_equal_values_only(
    one: NDArray[np.void], other: NDArray[np.void]
) -> None:
    counted = one.copy()
    counted["revision"] += 3
    assert digest_of(counted) == digest_of(one)

    same = one.tobytes() == other.tobytes()
    assert (digest_of(one) == digest_of(other)) is same


@given(blocks, blocks)
def test_what_a_record_covers_can_be_read_from_it(
    held: NDArray[np.void], record: NDArray[np.void]
) -> None:
    lacking = uncovered(held, record, set())

    for slot in np.flatnonzero(~lacking):
        if held[slot]["flags"] & PRESENT:
            found = {int(record[slot]["final"]), int(record[slot]["raw"])}
            assert int(held[slot]["final"]) in found
    assert not uncovered(held, held, set()).any()


@pytest.mark.parametrize(
    ("held", "record", "past", "lacks"),
    [
        pytest.param(actual(5), edited(7, raw=5), set(), False, id="edited_at_headquarters"),
        pytest.param(actual(5), actual(6), set(), True, id="another_value"),
        pytest.param(actual(5), actual(6), {(0, 5, 1)}, False, id="replaced_at_headquarters"),
        pytest.param(actual(5), actual(6), {(0, 5, 0)}, True, id="an_estimate_of_that_value"),
        pytest.param(actual(5), None, set(), True, id="not_there_yet"),
        pytest.param(estimated(5), actual(5), set(), True, id="an_estimate_unknown_there"),
        pytest.param(estimated(5), actual(6), {(0, 5, 0)}, False, id="an_estimate_outranked"),
        pytest.param(None, actual(6), set(), False, id="nothing_to_lose"),
        pytest.param(edited(7, raw=5), edited(7, raw=4), set(), True, id="raw_value_unknown"),
        pytest.param(edited(7, raw=5), edited(7, raw=4), {(0, 5, 1)}, False, id="raw_is_history"),
    ],
)
def test_what_the_record_lacks(
    held: Told | None, record: Told | None, past: set[tuple[int, int, int]], lacks: bool
) -> None:
    assert uncovered(slots(held), slots(record), past).tolist() == [lacks]
