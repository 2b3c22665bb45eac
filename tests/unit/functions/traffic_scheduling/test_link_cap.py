"""The cap of a link, in bits a second over what was really sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.traffic_scheduling.link_cap import CapRule, LinkCap

RULE = CapRule(bits_per_s=8_000, burst_s=0.5, urgent_ahead_s=2.0)


def test_without_a_cap_everything_goes_at_once() -> None:
    cap = LinkCap(CapRule(bits_per_s=None), now_s=0.0)
    cap.spend(10**12, now_s=0.0)

    assert cap.open_at_s(urgent=False) == float("-inf")
    assert cap.batch_bytes(262_144, hold_s=0.5) == 262_144


def test_what_was_sent_has_to_be_paid_for() -> None:
    cap = LinkCap(RULE, now_s=0.0)
    cap.spend(1_500, now_s=0.0)

    assert cap.open_at_s(urgent=False) == 1.0
    cap.spend(1_000, now_s=1.0)
    assert cap.open_at_s(urgent=False) == 2.0


def test_a_quiet_link_saves_up_no_more_than_its_burst() -> None:
    cap = LinkCap(RULE, now_s=0.0)
    cap.spend(1_500, now_s=3_600.0)

    assert cap.open_at_s(urgent=False) == 3_601.0


def test_urgent_traffic_draws_on_what_comes() -> None:
    cap = LinkCap(RULE, now_s=0.0)
    cap.spend(2_500, now_s=0.0)

    assert (cap.open_at_s(urgent=True), cap.open_at_s(urgent=False)) == (0.0, 2.0)
    cap.spend(500, now_s=0.0)
    assert (cap.open_at_s(urgent=True), cap.open_at_s(urgent=False)) == (0.5, 2.5)


@pytest.mark.parametrize(
    ("bits_per_s", "expected"),
    [
        pytest.param(8_000_000, 262_144, id="a_fast_link_has_whole_batches"),
        pytest.param(800_000, 50_000, id="a_slow_link_half_a_second"),
        pytest.param(8_000, 4_096, id="a_very_slow_link_a_few_entries"),
    ],
)
def test_a_batch_does_not_hold_up_a_slow_link_for_long(bits_per_s: int, expected: int) -> None:
    cap = LinkCap(CapRule(bits_per_s=bits_per_s), now_s=0.0)

    assert cap.batch_bytes(262_144, hold_s=0.5) == expected


def test_waiting_for_the_cap_is_counted_once() -> None:
    cap = LinkCap(RULE, now_s=0.0)
    cap.held(now_s=1.0)
    cap.held(now_s=2.0)
    cap.let_go(now_s=4.0)
    cap.let_go(now_s=9.0)

    assert (cap.waits, cap.waited_s) == (1, 3.0)


@given(
    sends=st.lists(
        st.tuples(st.floats(min_value=0, max_value=5), st.integers(min_value=1, max_value=4_000)),
        min_size=1,
        max_size=50,
    )
)
def test_no_stretch_of_time_carries_more_than_the_cap(sends: list[tuple[float, int]]) -> None:
    cap = LinkCap(RULE, now_s=0.0)
    sent: list[tuple[float, int]] = []
    now_s = 0.0
    for pause_s, size in sends:
        now_s = max(now_s + pause_s, cap.open_at_s(urgent=False))
        cap.spend(size, now_s=now_s)
        sent.append((now_s, size))

    for first, (begin_s, _) in enumerate(sent):
        carried = 0
        for end_s, size in sent[first:]:
            # The last batch may be owed.
            assert carried <= 1_000 * (end_s - begin_s) + 500 + 1e-6
            carried += size
