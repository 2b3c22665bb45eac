"""A seeded stream of readings bodies: new values, corrections, and old ones sent again."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.e2e.body import Body, Reading, list_body, runs, series_body
from tests.e2e.first_values import FirstValues, values_of
from tests.e2e.journal import Journal
from tests.e2e.versions import Slot, Version

OLD_BODIES = 400
LISTED = 0.25
TWICE_AT_ONCE = 0.1


class EdgeTraffic:
    """The bodies of one tenant at one edge; slots under way are left alone."""

    def __init__(
        self,
        *,
        tenant: str,
        edge: str,
        meters: Sequence[str],
        journal: Journal,
        draw: random.Random,
    ) -> None:
        self._edge = edge
        self._journal = journal
        self._draw = draw
        self._first = FirstValues(tenant=tenant, meters=meters, draw=draw)
        self._known: list[Slot] = []
        self._old: deque[Body] = deque(maxlen=OLD_BODIES)
        self._busy: set[Slot] = set()

    def next_body(self) -> Body:
        """Draw one more body; its slots are busy until `done`."""
        first = self._first
        new = (first.live, first.backfill, first.late_clock, first.registers)
        body = None
        while body is None:
            kind = self._draw.choices(
                (*new, self._correction, self._again), weights=(25, 20, 8, 8, 25, 14)
            )[0]
            drawn = kind()
            body = self._fresh(drawn) if isinstance(drawn, list) else drawn
        self._busy.update(slot for slot, _ in body.readings if body.fresh)
        return body

    def done(self, body: Body) -> None:
        """The body is acknowledged: its slots may be corrected and sent again."""
        if body.fresh:
            self._busy.difference_update(slot for slot, _ in body.readings)
            self._known += [slot for slot, _ in body.readings]
            self._old.append(body)

    def _fresh(self, series: list[list[Reading]]) -> Body:
        return self._write(
            series, fresh=True, copies=2 if self._draw.random() < TWICE_AT_ONCE else 1
        )

    def _write(self, series: list[list[Reading]], *, fresh: bool, copies: int = 1) -> Body:
        if self._draw.random() < LISTED:
            readings = [reading for one in series for reading in one]
            return list_body(readings, edge=self._edge, fresh=fresh, copies=copies)
        return series_body(series, edge=self._edge, fresh=fresh, copies=copies)

    def _correction(self) -> Body | None:
        wanted = self._draw.choices(self._known, k=self._draw.randint(1, 20)) if self._known else []
        slots = sorted({slot for slot in wanted if slot not in self._busy})
        return self._fresh(runs([(slot, self._another(slot)) for slot in slots])) if slots else None

    def _again(self) -> Body | None:
        """An old body as it was, maybe long after its values were corrected, or some of it."""
        if not self._old:
            return None
        old = self._draw.choice(self._old)
        if self._draw.random() < 0.5:
            return replace(old, fresh=False, copies=1)
        some = self._draw.sample(old.readings, k=self._draw.randint(1, len(old.readings)))
        return self._write(runs(some), fresh=False)

    def _another(self, slot: Slot) -> Version:
        # A value that the slot held before is a repeat by the platform's rule.
        held = {version.value for version in self._journal.held[slot]}
        drawn = self._draw.sample(values_of(slot), len(held) + 1)
        value = next(value for value in drawn if value not in held)
        return Version(value, self._draw.choice((0, 0, 14, 17, 7, 8, 9)))


class Traffic:
    """The bodies of all tenants at all edges."""

    def __init__(
        self,
        fleets: Mapping[tuple[str, str], Sequence[str]],
        *,
        journal: Journal,
        draw: random.Random,
    ) -> None:
        """`fleets` has the meters of each (tenant, edge)."""
        self._draw = draw
        self._parts = {
            (tenant, edge): EdgeTraffic(
                tenant=tenant, edge=edge, meters=meters, journal=journal, draw=draw
            )
            for (tenant, edge), meters in fleets.items()
        }

    def next_body(self) -> Body:
        """Draw one more body."""
        return self._draw.choice(list(self._parts.values())).next_body()

    def done(self, body: Body) -> None:
        """The body is acknowledged."""
        self._parts[body.tenant, body.edge].done(body)
