"""What the workers of a benchmark had to do."""

import statistics
import urllib.request
from collections.abc import Sequence

TIMEOUT_S = 5.0


def calls_answered(port: int) -> int:
    """Ask a worker on this machine how many calls it has answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=TIMEOUT_S) as answer:
        return int(answer.read())


def spread_of_time(*, calls: Sequence[int], service_ms: Sequence[float]) -> float:
    """Return how unequally long workers were busy: standard deviation over mean, 0 for equally.

    `service_ms` is what a call takes each of them.
    """
    busy = [count * each for count, each in zip(calls, service_ms, strict=True)]
    mean = statistics.fmean(busy)
    return statistics.pstdev(busy) / mean if mean else 0.0
