"""Times to look for gaps in once more: late data opens them, and closes most of them itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LONGEST_WAIT: Final = 10
"""Sweeps after which a series is looked at, though data still comes in for it."""
MOST_HELD: Final = 200_000


@dataclass(frozen=True, slots=True)
class SeriesName:
    """A meter's register of one interval length, as the hash of looks names it."""

    meter_id: str
    register: str
    interval_s: int

    @property
    def text(self) -> str:
        """`read_series` reads it back."""
        return f"{self.interval_s}:{self.register}/{self.meter_id}"


SWEEP: Final = "0:sweep/"
"""In the hash of looks, in seconds: where a sweep ends that is not over all meters yet (0 without
one), and how far the newest data went."""


def read_series(text: str) -> SeriesName:
    """Read a series' name back."""
    head, _, meter_id = text.partition("/")
    interval_s, register = head.split(":", 1)
    return SeriesName(meter_id, register, int(interval_s))


@dataclass(frozen=True, slots=True)
class Span:
    """Intervals number `first` to `last`, both included, counted since 1970."""

    first: int
    last: int

    def joined(self, other: "Span") -> "Span":
        """The shortest one that has both."""
        return Span(min(self.first, other.first), max(self.last, other.last))

    @property
    def record(self) -> bytes:
        """`read_span` reads it back."""
        return b"%d %d" % (self.first, self.last)


def read_span(record: bytes) -> Span:
    """Read a span back."""
    first, last = record.split()
    return Span(int(first), int(last))


@dataclass(slots=True)
class _Look:
    span: Span
    noted: int
    renewed: int


class GapLooks:
    """What a worker knows of them: `most` of those that the hash holds.

    A series is due once nothing was noted for it from one sweep to the next: who fills in a year
    day by day leaves no gap behind that somebody should hear of, until the filling ends.
    """

    def __init__(self, *, most: int = MOST_HELD) -> None:
        """Begin with none; `take_in` what the hash holds, and say when that was `all_taken`."""
        self._most = most
        self._sweep = 0
        self._some_only = True
        self._looks: dict[SeriesName, _Look] = {}

    def __len__(self) -> int:
        """Number of series that are known."""
        return len(self._looks)

    @property
    def wants_more(self) -> bool:
        """Whether the hash holds others, for which there is room now."""
        return self._some_only and len(self._looks) <= self._most // 2

    def take_in(self, name: str, record: bytes) -> bool:
        """Know of a series of the hash; False when there is no room for it."""
        series = read_series(name)
        return series in self._looks or self._put(series, read_span(record))

    def all_taken(self) -> None:
        """The hash holds no others."""
        self._some_only = False

    def sweep_begins(self) -> None:
        """Another sweep: what nothing is noted for from now on is due at the next."""
        self._sweep += 1

    def due(self, *, most: int) -> dict[SeriesName, Span]:
        """The series to look at in this sweep, `most` of them."""
        crowded = len(self._looks) > self._most // 2
        found: dict[SeriesName, Span] = {}
        for name, look in self._looks.items():
            rested = look.renewed + 1 < self._sweep or look.noted + LONGEST_WAIT < self._sweep
            if crowded or rested:
                found[name] = look.span
                if len(found) == most:
                    break
        return found

    def unknown(self, noted: Iterable[SeriesName]) -> list[SeriesName]:
        """The series of which only the hash can tell whether something was noted before."""
        return [name for name in noted if name not in self._looks] if self._some_only else []

    def with_noted(
        self, noted: Mapping[SeriesName, Span], *, before: Mapping[str, bytes]
    ) -> dict[SeriesName, Span]:
        """What is to be held of the series of which something was noted.

        `before` is what the hash holds of those that are `unknown`.
        """
        found = {}
        for name, span in noted.items():
            if name in self._looks:
                found[name] = self._looks[name].span.joined(span)
            elif (record := before.get(name.text)) is not None:
                found[name] = read_span(record).joined(span)
            else:
                found[name] = span
        return found

    def settled(self, *, done: Iterable[SeriesName], held: Mapping[SeriesName, Span]) -> None:
        """A turn has ended that looked at `done`; of others it noted what is now `held`."""
        for name in done:
            self._looks.pop(name, None)
        for name, span in held.items():
            look = self._looks.get(name)
            if look is None:
                self._put(name, span)
            else:
                look.span, look.renewed = span, self._sweep

    def _put(self, name: SeriesName, span: Span) -> bool:
        if len(self._looks) >= self._most:
            self._some_only = True
            return False
        self._looks[name] = _Look(span, self._sweep, self._sweep)
        return True
