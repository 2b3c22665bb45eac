"""An edge without its parent: it restarts, knows its callers, judges readings and keeps them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest
import pytest_asyncio

from tests.e2e.body import series_body
from tests.e2e.cold_record import read_record
from tests.e2e.lab import Lab
from tests.e2e.line import Line, NoAnswer, by_port
from tests.e2e.platform_keys import MadeKey, make_key, revoke_key, until_answered
from tests.e2e.processes import Processes
from tests.e2e.stores import drained, waiting_above
from tests.e2e.versions import DAY_S, FIRST_DAY, INTERVAL_S, REGISTER, Slot, Version, instant

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

READINGS = "/v1/mdms/readings"
METERS = [f"cut-{number}" for number in range(8)]
START_S = (FIRST_DAY + 240) * DAY_S
INSTANTS = [START_S + number * INTERVAL_S for number in range(DAY_S // INTERVAL_S)]
TRY_AGAIN = frozenset({429, 502, 503, 504})
DEADLINE_S = 200


class CutOffEdge:
    """An edge whose parent is dead behind a cut link, and a key that was revoked meanwhile."""

    def __init__(self, lab: Lab, revoked: MadeKey) -> None:
        self.lab = lab
        self.edge = lab.edges[0]
        self.tenant = lab.tenants[0]
        self.revoked = revoked
        self.line = lab.line(self.tenant, self.edge)

    async def send(self, payload: bytes) -> dict[str, int]:
        """Send readings until they are acknowledged; return the counts."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(NoAnswer):
                    answer = await self.line.call("POST", READINGS, payload)
                    if answer.status == 200:
                        said = json.loads(answer.body)
                        return {name: said[name] for name in ("accepted", "duplicate", "rejected")}
                    assert answer.status in TRY_AGAIN, answer
                await asyncio.sleep(0.1)

    def instant(self, start_s: int) -> bytes:
        """The body of all meters at an instant; values tell which."""
        return series_body(
            [[(self.slot(meter, start_s), version(meter, start_s)) for meter in METERS]],
            edge=self.edge,
            fresh=True,
        ).payload

    def slot(self, meter: str, start_s: int) -> Slot:
        """A meter's reading of this tenant."""
        return Slot(self.tenant, meter, start_s)


def version(meter: str, start_s: int) -> Version:
    return Version(METERS.index(meter) * 1000 + (start_s - START_S) // INTERVAL_S, 0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cut_off(shared_lab: Lab) -> AsyncIterator[CutOffEdge]:
    lab, tenant, edge = shared_lab, shared_lab.tenants[0], shared_lab.edges[0]
    parent = lab.topology.zone(edge).parent
    assert parent is not None
    await lab.register(tenant, METERS)
    key = await make_key(lab, tenant)
    async with asyncio.timeout(DEADLINE_S):
        await until_answered(lab, edge, key, 200)
        await drained(lab)
    lab.links[edge].cut()
    processes = Processes(lab)
    for name in (f"gateway-{parent}", f"agent-{parent}", f"valkey-{parent}"):
        psutil.Process(await processes.supervised(name)).kill()
    async with asyncio.timeout(DEADLINE_S):
        await lab.recovered()
    await revoke_key(lab, tenant, key)
    cut_off = CutOffEdge(lab, key)
    yield cut_off
    cut_off.line.close()
    lab.links[edge].heal()
    async with asyncio.timeout(DEADLINE_S):
        await lab.recovered()
        await drained(lab)


async def test_a_day_of_readings_is_taken_over_restarts_of_everything(
    cut_off: CutOffEdge,
) -> None:
    lab, edge, processes = cut_off.lab, cut_off.edge, Processes(cut_off.lab)
    kills = {
        INSTANTS[20]: f"agent-{edge}",
        INSTANTS[40]: f"gateway-{edge}",
        INSTANTS[60]: f"valkey-{edge}",
    }
    known = 0
    for start_s in INSTANTS:
        if name := kills.get(start_s):
            psutil.Process(await processes.supervised(name)).kill()
        counts = await cut_off.send(cut_off.instant(start_s))
        # Where an answer was lost, the repeat finds its readings there.
        known += counts["accepted"] + counts["duplicate"]
        assert counts["rejected"] == 0

    assert known == len(INSTANTS) * len(METERS)
    async with asyncio.timeout(DEADLINE_S):
        await lab.recovered()
    assert await waiting_above(lab, edge) > 0
    assert not [slot for slot in (await read_record(lab)).versions if slot.meter in METERS]


async def test_callers_are_known_and_strangers_are_not(cut_off: CutOffEdge) -> None:
    lab, edge = cut_off.lab, cut_off.edge
    stranger = Line(by_port(lab.topology.zone(edge).port), key="gf_" + "x" * 32)

    refused = await stranger.call("GET", f"{READINGS}?meter_id={METERS[0]}")
    stranger.close()
    # What happened at headquarters is not known here, and cannot be.
    async with asyncio.timeout(DEADLINE_S):
        await until_answered(lab, edge, cut_off.revoked, 200)

    assert refused.status == 401


async def test_readings_are_judged_and_shown(cut_off: CutOffEdge) -> None:
    later = instant(int((datetime.now(UTC) + timedelta(days=2)).timestamp()))
    shared = {"register": REGISTER, "interval_s": INTERVAL_S, "values": [1]}
    counts = await cut_off.send(
        json.dumps(
            {
                "series": [
                    {**shared, "meter_id": "cut-nobody", "start": instant(START_S)},
                    {**shared, "meter_id": METERS[0], "start": later},
                ]
            }
        ).encode()
    )
    period = f"from={instant(START_S)}&to={instant(START_S + DAY_S)}"
    shown = await cut_off.lab.ask(
        cut_off.tenant, cut_off.edge, f"{READINGS}?meter_id={METERS[1]}&{period}"
    )

    assert counts == {"accepted": 0, "duplicate": 0, "rejected": 2}
    values = [value for part in shown["series"] for value in part["final"]]
    assert values == [version(METERS[1], start_s).value for start_s in INSTANTS]


async def test_when_the_parent_is_back_everything_goes_up(cut_off: CutOffEdge) -> None:
    lab = cut_off.lab
    lab.links[cut_off.edge].heal()

    async with asyncio.timeout(DEADLINE_S):
        await until_answered(lab, cut_off.edge, cut_off.revoked, 401)
        await drained(lab)

    record = await read_record(lab)
    slots = {cut_off.slot(meter, start_s) for meter in METERS for start_s in INSTANTS}
    stored = {slot: versions for slot, versions in record.versions.items() if slot in slots}
    assert {slot: [one for _, one in versions] for slot, versions in stored.items()} == {
        slot: [version(slot.meter, slot.start_s)] for slot in slots
    }
