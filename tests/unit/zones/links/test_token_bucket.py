import pytest

from zones.links.token_bucket import TokenBucket


def test_a_chunk_leaves_when_its_last_bit_is_on_the_line() -> None:
    bucket = TokenBucket(rate_bps=8_000)

    assert bucket.depart(10.0, 500) == pytest.approx(10.5)


def test_what_comes_while_the_line_is_busy_queues() -> None:
    bucket = TokenBucket(rate_bps=8_000)

    assert [bucket.depart(0.0, 1_000) for _ in range(3)] == pytest.approx([1.0, 2.0, 3.0])
    assert bucket.depart(2.5, 1_000) == pytest.approx(4.0)


def test_an_idle_line_saves_nothing_up_beyond_its_burst() -> None:
    bucket = TokenBucket(rate_bps=8_000, burst_bytes=2_000)

    assert bucket.depart(100.0, 2_000) == 100.0
    assert bucket.depart(100.0, 1_000) == pytest.approx(101.0)


@pytest.mark.parametrize("size", [1, 1_448, 65_536])
def test_over_a_long_time_the_rate_is_kept(size: int) -> None:
    bucket = TokenBucket(rate_bps=1e6)
    now = 0.0
    for _ in range(1_000):
        now = bucket.depart(now, size)

    assert now == pytest.approx(1_000 * size * 8 / 1e6)


def test_no_rate_is_no_limit() -> None:
    bucket = TokenBucket(rate_bps=None)

    assert bucket.depart(1.0, 10**9) == 1.0


def test_another_rate_holds_for_what_comes_then() -> None:
    bucket = TokenBucket(rate_bps=8_000)
    bucket.depart(0.0, 1_000)
    bucket.change(rate_bps=80_000)

    assert bucket.depart(0.0, 1_000) == pytest.approx(1.1)
