"""How often one source may ask, in bounded memory however many sources there are."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What becomes of a packet."""

    ANSWER = "answer"
    KISS = "kiss"
    """Too many: say so."""
    DROP = "drop"
    """Too many, and it was said."""


@dataclass(slots=True)
class _Source:
    tokens: float
    seen_s: float
    kissed_s: float = float("-inf")


class SourceRates:
    """`burst` packets at once from a source, one every `every_s` in the long run.

    A source that goes on is told once in `every_s`, so no flood is answered packet for packet.
    Of more than `sources` the one that was silent longest is forgotten.
    """

    def __init__(self, *, burst: int, every_s: float, sources: int) -> None:
        self._burst = burst
        self._every_s = every_s
        self._most = sources
        self._known: OrderedDict[str, _Source] = OrderedDict()

    def __len__(self) -> int:
        """How many sources are remembered."""
        return len(self._known)

    def judge(self, source: str, *, now_s: float) -> Verdict:
        """Count a packet from `source` at `now_s` of a steady clock."""
        found = self._known.pop(source, None)
        if found is None:
            found = _Source(tokens=float(self._burst), seen_s=now_s)
            while len(self._known) >= self._most:
                self._known.popitem(last=False)
        self._known[source] = found
        gained = (now_s - found.seen_s) / self._every_s
        found.tokens = min(found.tokens + gained, float(self._burst))
        found.seen_s = now_s
        if found.tokens >= 1:
            found.tokens -= 1
            return Verdict.ANSWER
        if now_s - found.kissed_s < self._every_s:
            return Verdict.DROP
        found.kissed_s = now_s
        return Verdict.KISS
