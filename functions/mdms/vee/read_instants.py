"""Until when the register reads of each meter are known: which intervals they depend on."""

from collections.abc import Mapping, Sequence

from functions.mdms.resampling import adds_up
from functions.mdms.vee.touched import Touched
from storage.model.events import EventBatch
from storage.model.runs import DAY_S

Series = tuple[str, str]


class ReadInstants:
    """The newest instant of a read by (meter, register), and what touches pairs of reads."""

    def __init__(self, newest: Mapping[Series, int] | None) -> None:
        """`newest` is in seconds since 1970; None when they are too many to be held.

        Then those that are `wanted` for a turn are to be told first.
        """
        self._whole = newest is not None
        self._newest: dict[Series, int] = dict(newest or {})

    def __len__(self) -> int:
        """How many series are held."""
        return len(self._newest)

    def wanted(self, events: Sequence[EventBatch], blocks: Sequence[Touched]) -> list[Series]:
        """The series that a turn over these needs to be told of; none when all are held."""
        if self._whole:
            return []
        of_blocks = ((name, block.register) for block in blocks for name in block.meters)
        return list(dict.fromkeys([*(series for series, _ in _reads(events)), *of_blocks]))

    def tell(self, newest: Mapping[Series, int]) -> None:
        """What is known of the series that are wanted, in place of those of the turn before."""
        self._newest = dict(newest)

    def take(self, events: Sequence[EventBatch]) -> dict[Series, int]:
        """Take in the reads of batches; return the series that have a newer one."""
        newer: dict[Series, int] = {}
        for series, at in _reads(events):
            if at > self._newest.get(series, -1):
                self._newest[series] = newer[series] = at
        return newer

    def touched(
        self, events: Sequence[EventBatch], blocks: Sequence[Touched]
    ) -> dict[Series, tuple[int, int]]:
        """By series, the first and the last instant of what came and pairs of reads depend on.

        An interval that ends after the newest read is of no pair yet.
        """
        found: dict[Series, tuple[int, int]] = {}

        def take(series: Series, begin_s: int, end_s: int) -> None:
            held = found.get(series, (begin_s, end_s))
            found[series] = min(held[0], begin_s), max(held[1], end_s)

        for series, at in _reads(events):
            take(series, at, at)
        if self._newest:
            for block in blocks:
                start_s, length = block.day * DAY_S, block.interval_s
                firsts, lasts = block.first.tolist(), block.last.tolist()
                for meter, first, last in zip(block.meters, firsts, lasts, strict=True):
                    newest = self._newest.get((meter, block.register))
                    begin_s = start_s + first * length
                    if newest is not None and begin_s + length <= newest:
                        take((meter, block.register), begin_s, start_s + (last + 1) * length)
        return found


def _reads(events: Sequence[EventBatch]) -> list[tuple[Series, int]]:
    found = []
    for batch in events:
        columns = zip(
            batch.event_meter.tolist(),
            batch.event_register.tolist(),
            batch.event_interval_s.tolist(),
            batch.at.tolist(),
            strict=True,
        )
        for meter, register, interval_s, at in columns:
            if interval_s == 0 and adds_up(batch.registers[register]):
                found.append(((batch.meters[meter], batch.registers[register]), at))
    return found
