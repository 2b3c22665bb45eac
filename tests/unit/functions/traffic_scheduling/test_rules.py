"""Batching and back-off: the scheduler's decisions, one at a time."""

import pytest

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.settings import SettingsError, read_settings
from storage.model.traffic import TrafficClass

BATCHING = Batching(max_bytes=1_000, max_entries=4)


def test_a_first_entry_waits_for_company() -> None:
    assert BATCHING.due_at(waiting_since_s=10.0, max_age_s=0.2, more_behind=False) == 10.2


def test_what_waits_behind_a_full_batch_goes_at_once() -> None:
    assert BATCHING.due_at(waiting_since_s=10.0, max_age_s=0.2, more_behind=True) == 10.0


@pytest.mark.parametrize(
    ("sizes", "full"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([100, 100], False, id="small"),
        pytest.param([400, 100], True, id="half_of_the_bytes_since_the_next_did_not_fit"),
        pytest.param([1, 1, 1, 1], True, id="as_many_entries_as_allowed"),
        pytest.param([5_000], True, id="one_entry_above_the_bound"),
    ],
)
def test_a_full_batch_leaves_more_behind(sizes: list[int], full: bool) -> None:
    assert BATCHING.is_full(sizes) is full


@pytest.mark.parametrize(
    ("failures", "spread", "expected_s"),
    [
        pytest.param(1, 0.0, 0.5, id="first_at_its_shortest"),
        pytest.param(1, 1.0, 1.0, id="first_at_its_longest"),
        pytest.param(3, 1.0, 4.0, id="doubles"),
        pytest.param(10, 1.0, 30.0, id="is_bounded"),
        pytest.param(10_000, 1.0, 30.0, id="does_not_overflow"),
    ],
)
def test_the_wait_doubles_up_to_its_bound(failures: int, spread: float, expected_s: float) -> None:
    backoff = Backoff(first_s=1.0, longest_s=30.0)

    assert backoff.delay_s(failures=failures, spread=spread) == expected_s


def test_a_peer_that_names_a_time_is_left_alone_for_it() -> None:
    backoff = Backoff(first_s=1.0, longest_s=30.0)

    assert backoff.delay_s(failures=1, spread=0.0, at_least_s=60.0) == 60.0


def test_a_class_can_have_another_deadline() -> None:
    rules = read_settings({"batch_age_s": 0.5, "classes": {"alarm": {"deadline_s": 1}}}).rules()

    assert rules[TrafficClass.ALARM].deadline_s == 1
    assert rules[TrafficClass.ALARM].urgent
    assert rules[TrafficClass.INTERVAL].batch_age_s == 0.5
    assert rules[TrafficClass.ALARM].batch_age_s == 0.0


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"lanez": 4}, id="unknown_name"),
        pytest.param({"classes": {"urgent": {}}}, id="unknown_class"),
        pytest.param({"link_bits_per_s": 0}, id="a_cap_of_nothing"),
        pytest.param({"share": 0.9}, id="more_share_than_there_is"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        read_settings(settings)
