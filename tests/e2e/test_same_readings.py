"""The same readings in any order, doubled, split over bodies and edges: the same in every store."""

import asyncio
import json
import random

import asyncpg
import pytest

from tests.e2e.body import Body, Reading, list_body, runs, series_body
from tests.e2e.cold_record import Record, read_record
from tests.e2e.hot_copy import read_hot
from tests.e2e.lab import Lab
from tests.e2e.neighbours import READINGS
from tests.e2e.query_api import MeterQuery
from tests.e2e.seed import SEED
from tests.e2e.stores import cold_store, drained, schema, waiting_above
from tests.e2e.versions import DAY_S, FIRST_DAY, INTERVAL_S, Slot, Version

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

# From an afternoon on, so that runs cross midnight.
FIRST_S, SLOTS = (FIRST_DAY + 210) * DAY_S + 70 * INTERVAL_S, 130
TABLES = (
    *("blocks", "event_blocks", "revisions", "event_revisions"),
    *("uplink_position", "tail", "quarantine"),
)
METERS = 4
LINES = 8
DRAIN_S = 120


def plain(draw: random.Random, tenant: str) -> list[Reading]:
    """Intervals with gaps, intervals of a late clock and register reads of every meter."""
    readings = []
    for meter in range(METERS):
        name = f"plain-{meter}"
        slots = [
            Slot(tenant, name, FIRST_S + n * INTERVAL_S)
            for n in range(SLOTS)
            if draw.random() < 0.95
        ]
        slots += [Slot(tenant, name, FIRST_S + n * INTERVAL_S + 7) for n in range(12)]
        slots += [Slot(tenant, name, FIRST_S + draw.randrange(DAY_S), 0) for _ in range(8)]
        readings += [
            (slot, Version(draw.randrange(100_000), draw.choice((0, 0, 14, 8))))
            for slot in dict.fromkeys(slots)
        ]
    return readings


def renamed(readings: list[Reading], name: str) -> list[Reading]:
    """The same readings of other meters."""
    return [
        (slot._replace(meter=slot.meter.replace("plain", name)), version)
        for slot, version in readings
    ]


def scattered(
    readings: list[Reading], *, edges: list[str], draw: random.Random, astray: bool
) -> list[Body]:
    """Bodies with each reading one to three times, at an edge of its own or, `astray`, at any."""
    home = {slot: draw.choice(edges) for slot, _ in readings}
    sent: dict[str, list[Reading]] = {edge: [] for edge in edges}
    for reading in readings:
        for _ in range(draw.randint(1, 3)):
            sent[draw.choice(edges) if astray else home[reading[0]]].append(reading)
    bodies = []
    for edge, own in sent.items():
        draw.shuffle(own)
        while own:
            cut, own = own[: (size := draw.randint(1, 60))], own[size:]
            if draw.random() < 0.5:
                cut = sorted(set(cut))
            if draw.random() < 0.3:
                bodies.append(list_body(cut, edge=edge, fresh=False))
            else:
                bodies.append(series_body(_series(cut, draw), edge=edge, fresh=False))
    draw.shuffle(bodies)
    return bodies


def _series(readings: list[Reading], draw: random.Random) -> list[list[Reading]]:
    """By meter, or by instant."""
    if draw.random() < 0.5:
        return runs(readings)
    by_instant: dict[tuple[int, int], list[Reading]] = {}
    for reading in readings:
        by_instant.setdefault((reading[0].start_s, reading[0].interval_s), []).append(reading)
    return list(by_instant.values())


async def deliver(lab: Lab, bodies: list[Body]) -> dict[str, int]:
    """Send all, several at once; return how many readings had each outcome."""
    outcomes: dict[str, int] = {}
    slots = asyncio.Semaphore(LINES)

    async def send(body: Body) -> None:
        async with slots:
            answer = await lab.call(
                body.tenant, body.edge, READINGS, method="POST", body=body.payload
            )
        assert answer.status == 200, answer
        told = json.loads(answer.body)
        for name in ("accepted", "duplicate", "corrected", "rejected"):
            outcomes[name] = outcomes.get(name, 0) + told[name]

    await asyncio.gather(*(send(body) for body in bodies))
    async with asyncio.timeout(DRAIN_S):
        await drained(lab)
    return outcomes


async def shown_by(lab: Lab, tenant: str, zone: str, meter: str) -> dict[object, object]:
    """What the zone's queries answer for a meter, without the number of versions outlived."""
    query = MeterQuery(
        lab, tenant=tenant, zone=zone, meter=meter, begin_s=FIRST_S, end_s=FIRST_S + 2 * DAY_S
    )
    shown = await query.shown()
    return {slot[2:]: (current.version, current.raw) for slot, current in shown.items()}


def contents(record: Record, readings: list[Reading]) -> list[object]:
    """What PostgreSQL shows for each reading's slot, and the values stored for it."""
    return [
        (record.current[slot], [version for _, version in record.versions[slot]])
        for slot, _ in readings
    ]


async def rows(lab: Lab, tenant: str) -> dict[str, list[asyncpg.Record]]:
    """Every row of the tenant's record, in an order of their own."""
    async with cold_store(lab) as connection:
        return {
            table: await connection.fetch(
                f'SELECT * FROM "{schema(tenant)}".{table} AS t ORDER BY md5(t::text)'
            )
            for table in TABLES
        }


async def test_the_same_readings_make_the_same_blocks(shared_lab: Lab) -> None:
    lab, tenant, draw = shared_lab, shared_lab.tenants[0], random.Random(f"{SEED} same")
    reference = plain(draw, tenant)
    split, astray = renamed(reference, "split"), renamed(reference, "astray")
    names = [f"{name}-{n}" for name in ("plain", "split", "astray") for n in range(METERS)]
    await lab.register(tenant, names)
    scattering = [
        *scattered(split, edges=lab.edges, draw=draw, astray=False),
        *scattered(astray, edges=lab.edges, draw=draw, astray=True),
    ]

    await deliver(lab, [series_body(runs(reference), edge=lab.edges[0], fresh=True)])
    first = await deliver(lab, scattering)

    assert (first["corrected"], first["rejected"]) == (0, 0)
    record = await read_record(lab)
    assert contents(record, split) == contents(record, reference)
    assert [record.current[s].version for s, _ in astray] == [v for _, v in reference]
    fog = next(zone.name for zone in lab.topology.zones if zone.tier == 2)
    copy = await read_hot(lab, fog, [slot for slot, _ in (*reference, *split, *astray)])
    for scattered_too in (split, astray):
        assert [copy[s] for s, _ in scattered_too] == [copy[s] for s, _ in reference]
    for zone in (fog, lab.topology.zones[0].name):
        for n in range(METERS):
            expected = await shown_by(lab, tenant, zone, f"plain-{n}")
            assert await shown_by(lab, tenant, zone, f"split-{n}") == expected
            assert await shown_by(lab, tenant, zone, f"astray-{n}") == expected

    before = await rows(lab, tenant)
    draw.shuffle(scattering)
    second = await deliver(lab, scattering)

    assert {name for name, readings in second.items() if readings} == {"duplicate"}
    assert await rows(lab, tenant) == before
    assert before["blocks"]
    assert [await waiting_above(lab, zone) for zone in lab.links] == [0, 0, 0]
