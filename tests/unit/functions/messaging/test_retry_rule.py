"""What becomes of a call after a try."""

import pytest

from functions.messaging.retry_rule import (
    Ended,
    TryAgain,
    after_answer,
    after_failure,
    backoff_s,
)
from storage.hot.queues.record import Retrying

RETRYING = Retrying(tries=3, backoff_s=2.0, max_backoff_s=10.0)


def judge(
    status: int,
    *,
    attempts: int = 0,
    retry_after_s: float | None = None,
    zone_unready: bool = False,
) -> Ended | TryAgain:
    return after_answer(
        status=status,
        retry_after_s=retry_after_s,
        zone_unready=zone_unready,
        attempts=attempts,
        retrying=RETRYING,
        spread=0.0,
    )


@pytest.mark.parametrize("status", [200, 202, 204, 302])
def test_an_answer_is_a_result(status: int) -> None:
    assert judge(status) == Ended(good=True)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_is_final_at_once(status: int) -> None:
    assert judge(status) == Ended(good=False, reason=f"the function answered {status}")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425])
def test_a_failure_is_tried_again_until_tries_end(status: int) -> None:
    reason = f"the function answered {status}"
    assert judge(status) == TryAgain(1.0, True, reason)
    assert judge(status, attempts=1) == TryAgain(2.0, True, reason)
    assert judge(status, attempts=2) == Ended(good=False, reason=reason)


def test_a_limit_is_waited_for_and_does_not_count() -> None:
    assert judge(429, attempts=2, retry_after_s=7) == TryAgain(7, False, "a limit is reached (429)")
    assert judge(429) == TryAgain(1.0, False, "a limit is reached (429)")


def test_a_failing_function_may_ask_for_time() -> None:
    assert judge(503, retry_after_s=30) == TryAgain(30, True, "the function answered 503")


def test_a_zone_that_is_not_ready_counts_nothing() -> None:
    again = judge(401, attempts=2, zone_unready=True)
    assert isinstance(again, TryAgain)
    assert not again.counted


def test_what_was_not_sent_does_not_count() -> None:
    verdict = after_failure(reason="x", sent=False, attempts=2, retrying=RETRYING, spread=0.5)
    assert verdict == TryAgain(1.0, False, "x")
    assert after_failure(reason="x", sent=True, attempts=2, retrying=RETRYING, spread=0) == Ended(
        good=False, reason="x"
    )


@pytest.mark.parametrize(
    ("failures", "spread", "expected"),
    [(1, 0.0, 0.5), (1, 0.999, 1.0), (3, 0.0, 2.0), (99, 0.0, 30.0)],
)
def test_waits_double_up_to_a_bound(failures: int, spread: float, expected: float) -> None:
    found = backoff_s(failures=failures, first_s=1.0, longest_s=60.0, spread=spread)

    assert found == pytest.approx(expected, abs=0.001)
