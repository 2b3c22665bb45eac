"""Which kind of process is killed where and at which moment: every pair, in a seeded order."""

import random
from dataclasses import dataclass

from tests.e2e.moments import (
    ANSWER_LOST,
    ANSWERED,
    CUT_OFF,
    FOLDS,
    PASSING,
    SENDING,
    STALLED,
)
from zones.topology import Topology

GATEWAY, WORKER, AGENT, ZYGOTE = "gateway", "mdms worker", "agent", "zygote"
VALKEY, FORWARDER = "valkey", "forwarder"
POSTGRES, BACKEND = "postgres", "postgres backend"
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Kill a process of `zone` at a moment of zone `at`; `tenant` where one has to be chosen."""

    kind: str
    zone: str
    moment: str
    at: str
    tenant: str

    def __str__(self) -> str:
        """As a line of the schedule."""
        return f"{self.kind} of {self.zone} {self.moment} ({self.at}, {self.tenant})"


def draw_schedule(topology: Topology, *, tenants: list[str], draw: random.Random) -> list[Strike]:
    """Every kind of process at each of its moments, once a zone that has its own kind of it."""
    hq, fog, edges = _tiers(topology)

    def one_edge() -> str:
        return draw.choice(edges)

    def fold() -> str:
        return draw.choice(FOLDS)

    below = one_edge()
    rows = [
        (GATEWAY, below, SENDING, below),
        (GATEWAY, below, CUT_OFF, below),
        (GATEWAY, fog, PASSING, one_edge()),
        (GATEWAY, hq, PASSING, fog),
        (GATEWAY, hq, SENDING, one_edge()),
        (WORKER, below, SENDING, below),
        (WORKER, below, STALLED, below),
        (WORKER, fog, PASSING, one_edge()),
        (WORKER, hq, PASSING, fog),
        *((WORKER, hq, moment, fog) for moment in draw.sample(FOLDS, 2)),
        (AGENT, below, SENDING, below),
        (AGENT, fog, PASSING, one_edge()),
        (AGENT, hq, fold(), fog),
        (ZYGOTE, below, SENDING, below),
        (ZYGOTE, fog, ANSWERED, fog),
        (ZYGOTE, hq, fold(), fog),
        *(
            (FORWARDER, zone, m, zone)
            for zone in (below, fog)
            for m in (PASSING, ANSWERED, CUT_OFF)
        ),
        *(
            (VALKEY, zone, moment, zone)
            for zone in edges
            for moment in (SENDING, ANSWERED, CUT_OFF)
        ),
        (VALKEY, fog, PASSING, one_edge()),
        (VALKEY, fog, ANSWERED, fog),
        (VALKEY, fog, STALLED, fog),
        (POSTGRES, hq, SENDING, one_edge()),
        (POSTGRES, hq, PASSING, fog),
        (POSTGRES, hq, fold(), fog),
        (BACKEND, hq, PASSING, fog),
        (BACKEND, hq, fold(), fog),
        *(
            (NOTHING, zone, m, zone)
            for zone in (below, fog)
            for m in (CUT_OFF, STALLED, ANSWER_LOST)
        ),
    ]
    strikes = [
        Strike(kind=kind, zone=zone, moment=moment, at=at, tenant=draw.choice(tenants))
        for kind, zone, moment, at in rows
    ]
    draw.shuffle(strikes)
    return strikes


def _tiers(topology: Topology) -> tuple[str, str, list[str]]:
    names: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for zone in topology.zones:
        names[zone.tier].append(zone.name)
    return names[1][0], names[2][0], names[3]
