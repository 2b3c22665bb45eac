"""Which answers are final, and how long the others are waited for."""

import random
from datetime import UTC, datetime

import pytest

from meter_emulator.retry import BackOff, Verdict, judge, retry_after_s


@pytest.mark.parametrize("status", [200, 202, 207])
def test_answered(status: int) -> None:
    assert judge(status) is Verdict.ANSWERED


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_tried_again(status: int) -> None:
    assert judge(status) is Verdict.RETRY


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 413, 415, 422, 500, 501])
def test_refused_for_good(status: int) -> None:
    assert judge(status) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(None, 0, id="absent"),
        pytest.param(b"7", 7, id="seconds"),
        pytest.param(b"Fri, 02 Jan 2026 00:00:30 GMT", 30, id="a_date_to_come"),
        pytest.param(b"Thu, 01 Jan 2026 00:00:00 GMT", 0, id="a_date_gone_by"),
        pytest.param(b"soon", 0, id="unclear"),
        pytest.param(b"-3", 0, id="negative"),
    ],
)
def test_retry_after(header: bytes | None, seconds: float) -> None:
    assert retry_after_s(header, now=datetime(2026, 1, 2, tzinfo=UTC)) == seconds


def test_back_off_doubles_within_its_jitter_up_to_its_ceiling() -> None:
    back_off, draw = BackOff(first_s=0.1, longest_s=1.0), random.Random(1)

    for attempts, ceiling in ((1, 0.1), (2, 0.2), (3, 0.4), (5, 1.0), (5_000, 1.0)):
        waits = [back_off.wait_s(attempts=attempts, asked_s=0, random=draw) for _ in range(100)]
        assert ceiling / 2 <= min(waits) < max(waits) <= ceiling


def test_back_off_never_undercuts_what_the_server_asked() -> None:
    wait = BackOff().wait_s(attempts=1, asked_s=9.0, random=random.Random(1))

    assert wait >= 9.0
