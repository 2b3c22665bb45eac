"""The schedule, on a clock that the test moves."""

from collections.abc import Iterator

import pytest

from meter_emulator.backlog import Attempt, Backlog, Pace


class Desk:
    """A backlog of bodies of 100 readings, and what it reported."""

    def __init__(self, count: int, pace: Pace) -> None:
        self.sent: list[int] = []
        self.answers: list[tuple[int, int]] = []
        self.backlog: Backlog[int] = Backlog(
            source=self._source(count),
            on_send=self.sent.append,
            on_answer=lambda item, status, _: self.answers.append((item, status)),
            pace=pace,
        )
        self.backlog.start(1000.0)

    def take(self, now: float) -> Attempt[int]:
        attempt = self.backlog.take(now)
        assert attempt is not None
        return attempt

    def answer(self, attempt: Attempt[int], now: float, status: int = 200) -> None:
        self.backlog.answered(attempt, now=now, status=status, body=b"", retry_after_s=0)

    @staticmethod
    def _source(count: int) -> Iterator[tuple[int, bytes, int]]:
        return ((n, b"%d" % n, 100) for n in range(count))


def test_requests_become_due_at_the_rate() -> None:
    desk = Desk(3, Pace(rate=1000.0))

    assert desk.take(1000.0).due == 1000.0
    assert desk.backlog.take(1000.05) is None
    assert desk.backlog.wake_at(1000.05) == pytest.approx(1000.1)
    assert desk.take(1000.1).item == 1
    assert desk.sent == [0, 1]


def test_waiting_behind_a_stalled_answer_counts() -> None:
    desk = Desk(10, Pace(rate=1000.0))
    stalled = desk.take(1000.0)
    # The only connection gets its answer 5 s later; the other nine were due meanwhile.
    desk.answer(stalled, 1005.0)
    for n in range(1, 10):
        attempt = desk.take(1005.0)
        assert attempt.due == pytest.approx(1000.0 + n / 10)
        desk.answer(attempt, 1005.0)

    delays = desk.backlog.delays.milliseconds()
    assert delays is not None
    assert desk.backlog.delays.count == 10
    assert delays["p50"] == pytest.approx(4_500, rel=0.03)
    assert delays["max"] == pytest.approx(5_000, rel=0.01)
    assert desk.backlog.finished


def test_without_a_rate_a_request_is_due_when_it_is_taken() -> None:
    desk = Desk(2, Pace())

    assert desk.take(1234.5).due == 1234.5


def test_a_retried_request_is_sent_again_and_delayed_from_its_first_due_time() -> None:
    desk = Desk(1, Pace(rate=1000.0))
    desk.answer(desk.take(1000.0), 1000.0, status=503)

    assert desk.answers == []
    wake = desk.backlog.wake_at(1000.0)
    assert wake is not None
    assert 1000.0 < wake <= 1000.1
    assert desk.backlog.take(wake - 0.001) is None
    again = desk.take(wake)
    assert (again.item, again.tries) == (0, 2)
    desk.answer(again, 1002.0)

    assert desk.answers == [(0, 200)]
    assert (desk.backlog.requests, desk.backlog.retries) == (2, 1)
    delays = desk.backlog.delays.milliseconds()
    assert delays is not None
    assert delays["max"] == pytest.approx(2_000, rel=0.01)


@pytest.mark.parametrize("status", [400, 404, 413, 500])
def test_what_was_refused_for_good_is_settled_at_once(status: int) -> None:
    desk = Desk(1, Pace())
    desk.answer(desk.take(1000.0), 1000.1, status=status)

    assert desk.answers == [(0, status)]
    assert desk.backlog.finished


def test_the_servers_wish_is_waited_for() -> None:
    desk = Desk(1, Pace())
    attempt = desk.take(1000.0)
    desk.backlog.answered(attempt, now=1000.0, status=429, body=b"", retry_after_s=7)

    wake = desk.backlog.wake_at(1000.0)
    assert wake is not None
    assert wake >= 1007.0


def test_a_request_is_given_up_after_its_deadline_and_not_settled() -> None:
    desk = Desk(1, Pace(give_up_s=5))
    desk.backlog.failed(desk.take(1000.0), now=1006.0)

    assert desk.backlog.finished
    assert desk.backlog.given_up == 1
    assert desk.answers == []


def test_few_requests_wait_for_a_retry_however_long_the_list_is() -> None:
    desk = Desk(1000, Pace(waiting=3))
    for _ in range(3):
        desk.backlog.failed(desk.take(1000.0), now=1000.0)

    assert desk.backlog.take(1000.0) is None
    assert desk.sent == [0, 1, 2]


def test_a_dead_server_is_noticed_and_an_idle_schedule_is_not_one() -> None:
    busy, idle = Desk(9, Pace(give_up_s=5)), Desk(9, Pace(rate=1.0, give_up_s=5))
    busy.take(1000.0)
    idle.answer(idle.take(1000.0), 1000.1)

    assert not busy.backlog.stalled(1004.0)
    assert busy.backlog.stalled(1006.0)
    # The next body of 100 readings is due 100 s after the first: nothing is owed yet.
    assert not idle.backlog.stalled(1050.0)
    assert not idle.backlog.stalled(1099.0)


def test_setbacks_are_told_by_their_reason() -> None:
    desk = Desk(3, Pace())
    full = b'{"type":"urn:gridfaas:problem:store-full"}'
    desk.backlog.answered(desk.take(1000.0), now=1000.0, status=503, body=full, retry_after_s=0)
    desk.backlog.answered(desk.take(1000.0), now=1000.0, status=502, body=b"oops", retry_after_s=0)
    desk.backlog.failed(desk.take(1000.0), now=1000.0)

    assert desk.backlog.setbacks == {"store-full": 1, "http-502": 1, "no-answer": 1}
