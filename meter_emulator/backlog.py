"""What to send next: the intended schedule, the retries, and when to give up.

Pure: time is an argument. No queue grows behind a slow server, as the next request is made when a
connection asks for it; its delay still counts from the moment the schedule meant it to go.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from meter_emulator.delays import Delays
from meter_emulator.problem import problem_name
from meter_emulator.retry import BackOff, Verdict, judge

T = TypeVar("T")


@dataclass(slots=True)
class Attempt(Generic[T]):
    """One request on its way: `item` is the caller's, `due` the second it was meant to go."""

    item: T
    payload: bytes
    readings: int
    due: float
    first_sent: float
    tries: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The load: `rate` in readings/s, 0 for as fast as answers come."""

    rate: float = 0.0
    give_up_s: float = 120.0
    waiting: int = 64
    back_off: BackOff = field(default_factory=BackOff)


class Backlog(Generic[T]):
    """Hands out requests at their intended times and takes their answers.

    `source` yields (item, payload, readings). `on_send` gets each item when it first goes,
    `on_answer` each that was answered or refused for good, once, with status and body.
    """

    def __init__(
        self,
        *,
        source: Iterator[tuple[T, bytes, int]],
        on_send: Callable[[T], None],
        on_answer: Callable[[T, int, bytes], None],
        pace: Pace,
        seed: int = 0,
    ) -> None:
        self.delays = Delays()
        self.requests = 0
        self.retries = 0
        self.setbacks: Counter[str] = Counter()
        self.in_flight = 0
        self.given_up = 0
        self._source = source
        self._on_send = on_send
        self._on_answer = on_answer
        self._pace = pace
        self._start = 0.0
        self._random = random.Random(seed)
        self._retries: list[tuple[float, int, Attempt[T]]] = []
        self._number = itertools.count()
        self._planned = 0
        self._moved = 0.0
        self._next = next(source, None)

    def start(self, now: float) -> None:
        """Begin the schedule; call it once, before anything else."""
        self._start = self._moved = now

    @property
    def finished(self) -> bool:
        """True when nothing is in flight, waiting or left."""
        return not self.in_flight and not self._retries and self._next is None

    def take(self, now: float) -> Attempt[T] | None:
        """Return the request to send now, or None: ask again at `wake_at` or after an answer."""
        if self._retries and self._retries[0][0] <= now:
            attempt = heapq.heappop(self._retries)[2]
            attempt.tries += 1
            self.retries += 1
        elif (due := self._due(now)) is not None and due <= now and self._next is not None:
            item, payload, readings = self._next
            attempt = Attempt(item, payload, readings, due, now)
            self._planned += readings
            self._next = next(self._source, None)
            self._on_send(item)
        else:
            return None
        self.requests += 1
        self.in_flight += 1
        return attempt

    def wake_at(self, now: float) -> float | None:
        """Return the second at which `take` may next have something, None if only answers can."""
        times = [due for due in (self._due(now),) if due is not None]
        if self._retries:
            times.append(self._retries[0][0])
        return min(times, default=None)

    def answered(
        self, attempt: Attempt[T], *, now: float, status: int, body: bytes, retry_after_s: float
    ) -> None:
        """Take the answer to a request: settle it, or keep it for another try."""
        if judge(status) is Verdict.RETRY:
            self._set_back(attempt, problem_name(status, body), now, retry_after_s)
            return
        self.in_flight -= 1
        self._moved = now
        self.delays.record(now - attempt.due)
        self._on_answer(attempt.item, status, body)

    def failed(self, attempt: Attempt[T], *, now: float) -> None:
        """Take the loss of a request: it goes again after a while, or is given up."""
        self._set_back(attempt, "no-answer", now, 0.0)

    def _set_back(self, attempt: Attempt[T], why: str, now: float, retry_after_s: float) -> None:
        self.in_flight -= 1
        self.setbacks[why] += 1
        wait = self._pace.back_off.wait_s(
            attempts=attempt.tries, asked_s=retry_after_s, random=self._random
        )
        if now + wait - attempt.first_sent > self._pace.give_up_s:
            self.given_up += 1
            return
        # The number keeps attempts due at the same instant from being compared.
        heapq.heappush(self._retries, (now + wait, next(self._number), attempt))

    def stalled(self, now: float) -> bool:
        """Return True when work has been due for `give_up_s` and no answer came in that time."""
        wake = self.wake_at(now)
        if not self.in_flight and not self._retries and (wake is None or wake > now):
            self._moved = now
        return now - self._moved > self._pace.give_up_s

    def _due(self, now: float) -> float | None:
        if self._next is None or len(self._retries) >= self._pace.waiting:
            return None
        return self._start + self._planned / self._pace.rate if self._pace.rate else now
