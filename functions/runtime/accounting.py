"""What each call costs: processor time shared by the calls in flight, run time, peak memory."""

import resource
import time
from collections.abc import Callable
from typing import Final

CPU: Final = b"x-gridfaas-cpu-us"
RUN: Final = b"x-gridfaas-run-us"
MEMORY: Final = b"x-gridfaas-memory-kb"
GRAIN_S: Final = 0.001
"""The processor's clock is a system call: calls that start or end within this share one reading."""
REST_S: Final = 0.002
"""Ended children and the peak are asked for no more often: what a call misses goes to the next."""


def children_and_peak() -> tuple[float, int]:
    """Return processor seconds of ended children, and the peak RSS of this process in KiB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class CpuShares:
    """Divides the process's time among its calls; the sum over calls is the process's own.

    A clock runs as fast as the processor time divided by the calls in flight, so that a call's
    share is the difference of two readings of it. Time with no call in flight, and what a call
    takes after its account was made up, goes to the next call. What passes within a `GRAIN_S` is
    shared by the calls in flight at its end: whose it is blurs by as much, the sum does not.
    """

    def __init__(
        self,
        cpu_s: Callable[[], float] = time.process_time,
        rest: Callable[[], tuple[float, int]] = children_and_peak,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cpu_s` reads the process's own seconds, once in `GRAIN_S` of `clock` or when a call
        would be told nothing; `rest` is asked once in `REST_S`.
        """
        self._cpu_s = cpu_s
        self._rest = rest
        self._clock = clock
        self._seen_s = cpu_s()
        self._children_s, self._peak_kb = rest()
        self._asked_at = -REST_S
        self._read_at = -GRAIN_S
        self._virtual_s = 0.0
        self._unclaimed_s = 0.0
        self.active = 0

    def begin(self) -> "CallCost":
        """A call starts."""
        if self.active:
            self._advance_by_grains()
        # Else what has passed is this call's in any case.
        self.active += 1
        cost = CallCost(self, began_s=self._virtual_s - self._unclaimed_s)
        self._unclaimed_s = 0.0
        return cost

    def share_since(self, began_s: float) -> tuple[float, int]:
        """Return the call's processor seconds since `began_s` of the clock, and peak KiB."""
        now = self._clock()
        if now - self._asked_at >= REST_S:
            self._asked_at = now
            children_s, self._peak_kb = self._rest()
            self._advance(now, children_s - self._children_s)
            self._children_s = children_s
        elif now - self._read_at >= GRAIN_S or self._virtual_s == began_s:
            self._advance(now)
        return self._virtual_s - began_s, self._peak_kb

    def end(self, *, claimed_until_s: float) -> None:
        """A call ends; what it took since its account was made up is left to the next one."""
        if self.active > 1:
            self._advance_by_grains()
        self.active -= 1
        self._unclaimed_s += self._virtual_s - claimed_until_s

    def reading(self) -> float:
        """The clock as it stood at the last start, account or end."""
        return self._virtual_s

    def _advance_by_grains(self) -> None:
        now = self._clock()
        if now - self._read_at >= GRAIN_S:
            self._advance(now)

    def _advance(self, now: float, more_s: float = 0.0) -> None:
        self._read_at = now
        cpu_s = self._cpu_s()
        passed, self._seen_s = cpu_s - self._seen_s + more_s, cpu_s
        if self.active:
            self._virtual_s += passed / self.active
        else:
            self._unclaimed_s += passed


class CallCost:
    """The account of one call."""

    def __init__(self, shares: CpuShares, *, began_s: float) -> None:
        self._shares = shares
        self._began_s = began_s
        self._claimed_s: float | None = None
        self._started = time.monotonic()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Make the account up: whole microseconds and KiB, as the headers of the answer."""
        cpu_s, peak_kb = self._shares.share_since(self._began_s)
        self._claimed_s = self._shares.reading()
        run_s = time.monotonic() - self._started
        return [
            (CPU, b"%d" % round(cpu_s * 1e6)),
            (RUN, b"%d" % round(run_s * 1e6)),
            (MEMORY, b"%d" % peak_kb),
        ]

    def end(self) -> None:
        """The call is over; one whose account was never made up leaves all to the next."""
        claimed = self._began_s if self._claimed_s is None else self._claimed_s
        self._shares.end(claimed_until_s=claimed)
