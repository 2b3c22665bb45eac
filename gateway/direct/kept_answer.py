"""Answers that a worker says will stay the same until somebody writes: given without a worker.

A child zone asks about once a second whether its parent's registry has changed. Nearly always it
has not, and asking a worker each time would keep one in memory for each tenant, for nothing.
"""

from dataclasses import dataclass

from gateway.asgi import Headers
from gateway.fleet import Fleet
from gateway.forwarding.connection import UpstreamConnection

# What a worker says with such an answer to a GET.
UNCHANGED = (b"x-gridfaas-unchanged", b"until-write")
MAX_BYTES = 4 * 1024
# Should the function's data change behind its back, nobody is told later than this.
MOST_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer; it holds while nobody writes with the fleet's function, until `until`."""

    headers: Headers
    body: bytes
    writes: int
    until: float

    def holds(self, fleet: Fleet, *, now: float) -> bool:
        """Whether a worker would say the same."""
        return self.writes == fleet.writes and now < self.until


def may_be_kept(method: str, answer: UpstreamConnection, *, size: int) -> bool:
    """Whether the worker says so, of an answer that is worth it."""
    return (
        method == "GET"
        and answer.status == 200
        and size <= MAX_BYTES
        and UNCHANGED in answer.headers
    )
