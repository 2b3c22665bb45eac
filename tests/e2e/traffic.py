"""A seeded stream of readings bodies: live, backfill, corrections, and old ones sent again."""

import random
from collections import deque
from collections.abc import Mapping, Sequence

from tests.e2e.body import Body, Reading, make_body, runs
from tests.e2e.journal import Journal
from tests.e2e.versions import DAY_S, INTERVAL_S, Slot, Version

# How many instants or backfill windows wait to be drawn: the draw puts them out of order.
OUT_OF_ORDER = 6
OLD_BODIES = 400
BACKFILL_DAYS_LATER = 60


class EdgeTraffic:
    """The readings of one tenant's meters at one edge; slots under way are left alone."""

    def __init__(
        self,
        *,
        tenant: str,
        edge: str,
        meters: Sequence[str],
        first_day: int,
        journal: Journal,
        draw: random.Random,
    ) -> None:
        """`first_day` counts UTC days since 1970."""
        self._tenant = tenant
        self._edge = edge
        self._meters = list(meters)
        self._journal = journal
        self._draw = draw
        self._instant_s = first_day * DAY_S
        self._instants: list[int] = []
        self._backfill_s = {
            meter: (first_day + BACKFILL_DAYS_LATER) * DAY_S for meter in self._meters
        }
        self._known: list[Slot] = []
        self._old: deque[Body] = deque(maxlen=OLD_BODIES)
        self._busy: set[Slot] = set()

    def next_body(self) -> Body:
        """Draw one more body; its slots are busy until `done`."""
        kinds = (self._live, self._backfill, self._correction, self._again)
        body = None
        while body is None:
            (kind,) = self._draw.choices(kinds, weights=(30, 25, 30, 15))
            body = kind()
        self._busy.update(slot for slot, _ in body.readings if body.fresh)
        return body

    def done(self, body: Body) -> None:
        """The body is acknowledged: its slots may be corrected and sent again."""
        if body.fresh:
            self._busy.difference_update(slot for slot, _ in body.readings)
            self._known += [slot for slot, _ in body.readings]
            self._old.append(body)

    def _live(self) -> Body:
        while len(self._instants) < OUT_OF_ORDER:
            self._instants.append(self._instant_s)
            self._instant_s += INTERVAL_S
        start_s = self._instants.pop(self._draw.randrange(len(self._instants)))
        readings = [self._first(Slot(self._tenant, meter, start_s)) for meter in self._meters]
        return self._fresh([readings])

    def _backfill(self) -> Body:
        series = []
        for meter in self._draw.sample(self._meters, k=self._draw.randint(1, 2)):
            length = self._draw.randint(2, 40)
            start_s = self._backfill_s[meter]
            self._backfill_s[meter] += length * INTERVAL_S
            slots = [Slot(self._tenant, meter, start_s + n * INTERVAL_S) for n in range(length)]
            series.append([self._first(slot) for slot in slots])
        return self._fresh(series)

    def _correction(self) -> Body | None:
        wanted = self._draw.choices(self._known, k=self._draw.randint(1, 20)) if self._known else []
        slots = sorted({slot for slot in wanted if slot not in self._busy})
        readings = [(slot, self._another(slot)) for slot in slots]
        return self._fresh(runs(readings)) if readings else None

    def _again(self) -> Body | None:
        if not self._old:
            return None
        old = self._draw.choice(self._old)
        if self._draw.random() < 0.5:
            # As it was, maybe long after its values were corrected.
            readings, series = iter(old.readings), old.series
            cut = [[next(readings) for _ in range(length)] for length in series]
        else:
            some = self._draw.sample(old.readings, k=self._draw.randint(1, len(old.readings)))
            cut = runs(some)
        return make_body(cut, edge=self._edge, fresh=False)

    def _fresh(self, series: list[list[Reading]]) -> Body:
        copies = 2 if self._draw.random() < 0.1 else 1
        return make_body(series, edge=self._edge, fresh=True, copies=copies)

    def _first(self, slot: Slot) -> Reading:
        quality = self._draw.choice((0, 0, 14, 8))
        return slot, Version(self._draw.randrange(1_000_000), quality)

    def _another(self, slot: Slot) -> Version:
        # A value that the slot held before is a repeat by the platform's rule.
        held = {version.value for version in self._journal.held[slot]}
        value = self._draw.choice(
            [v for v in self._draw.sample(range(1_000_000), 20) if v not in held]
        )
        return Version(value, self._draw.choice((0, 0, 14, 17, 7, 8, 9)))


class Traffic:
    """The readings of all tenants at all edges."""

    def __init__(
        self,
        fleets: Mapping[tuple[str, str], Sequence[str]],
        *,
        first_day: int,
        journal: Journal,
        draw: random.Random,
    ) -> None:
        """`fleets` has the meters of each (tenant, edge)."""
        self._draw = draw
        self._parts = {
            (tenant, edge): EdgeTraffic(
                tenant=tenant,
                edge=edge,
                meters=meters,
                first_day=first_day,
                journal=journal,
                draw=draw,
            )
            for (tenant, edge), meters in fleets.items()
        }

    def next_body(self) -> Body:
        """Draw one more body."""
        return self._draw.choice(list(self._parts.values())).next_body()

    def done(self, body: Body) -> None:
        """The body is acknowledged."""
        self._parts[body.tenant, body.edge].done(body)
