from random import Random

import pytest

from zones.links.loss_stalls import (
    LEAST_TIMEOUT_S,
    NOTHING_LOST,
    SEGMENT_BYTES,
    LossStalls,
    Repair,
    segments_of,
)

ROUND_TRIP_S = 0.02


@pytest.mark.parametrize(
    ("size", "segments"),
    [(0, 0), (1, 1), (SEGMENT_BYTES, 1), (SEGMENT_BYTES + 1, 2), (10 * SEGMENT_BYTES, 10)],
)
def test_bytes_are_carried_in_full_segments(size: int, segments: int) -> None:
    assert segments_of(size) == segments


def repairs(*, seed: int, loss: float, segments: int, times: int) -> list[Repair]:
    stalls = LossStalls(Random(seed))
    return [
        stalls.repair(segments=segments, loss=loss, round_trip_s=ROUND_TRIP_S) for _ in range(times)
    ]


def test_without_loss_nothing_stalls() -> None:
    assert set(repairs(seed=1, loss=0.0, segments=40, times=1_000)) == {NOTHING_LOST}


def test_the_same_seed_loses_the_same() -> None:
    first, again, other = (
        repairs(seed=seed, loss=0.05, segments=10, times=500) for seed in (1, 1, 2)
    )

    assert first == again != other


@pytest.mark.parametrize("segments", [1, 7, 45])
def test_as_many_segments_are_lost_as_the_probability_says(segments: int) -> None:
    times = 200_000 // segments
    found = repairs(seed=3, loss=0.02, segments=segments, times=times)
    resent = sum(repair.resent for repair in found)

    # Repairs are lost as well: p + p^2 + ... = p / (1 - p) of all segments.
    assert resent / (times * segments) == pytest.approx(0.02 / 0.98, rel=0.1)


def test_the_last_segments_of_a_chunk_wait_for_a_timeout() -> None:
    stalls = {r.stall_s for r in repairs(seed=4, loss=0.001, segments=3, times=20_000)}

    assert min(stalls - {0.0}) == pytest.approx(ROUND_TRIP_S + LEAST_TIMEOUT_S)


def test_a_loss_amid_a_long_chunk_costs_a_round_trip() -> None:
    found = repairs(seed=5, loss=0.001, segments=45, times=5_000)
    stalled = [repair.stall_s for repair in found if repair.resent == 1]

    fast = [stall for stall in stalled if stall == pytest.approx(ROUND_TRIP_S)]
    slow = [stall for stall in stalled if stall == pytest.approx(ROUND_TRIP_S + LEAST_TIMEOUT_S)]
    assert len(fast) > 5 * len(slow) > 0
    assert len(fast) + len(slow) == len(stalled)


def test_a_repair_that_is_lost_again_waits_twice_as_long_each_time() -> None:
    timeout_s = ROUND_TRIP_S + LEAST_TIMEOUT_S
    found = {r.resent: r.stall_s for r in repairs(seed=6, loss=0.4, segments=1, times=2_000)}

    for resent in (1, 2, 3):
        assert found[resent] == pytest.approx(
            timeout_s * (1 + sum(2**n for n in range(resent - 1)))
        )


def test_a_certain_kind_of_bad_line_still_ends() -> None:
    (repair,) = repairs(seed=7, loss=0.999_999, segments=100, times=1)

    assert 100 <= repair.resent <= 1_500
