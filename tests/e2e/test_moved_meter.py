"""A meter that moved to another edge, while the link of the first one was down."""

import asyncio

import pytest
import pytest_asyncio

from tests.e2e.body import series_body
from tests.e2e.cold_record import read_record
from tests.e2e.hot_copy import read_hot
from tests.e2e.lab import Lab
from tests.e2e.neighbours import READINGS
from tests.e2e.stores import PAUSE_S, drained
from tests.e2e.verdict import expected
from tests.e2e.versions import DAY_S, FIRST_DAY, Slot, Version

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

DEADLINE_S = 60
OLD, NEW = Version(100, 0), Version(130, 14)


async def acknowledged(lab: Lab, edge: str, slot: Slot, version: Version) -> None:
    body = series_body([[(slot, version)]], edge=edge, fresh=True)
    answer = await lab.call(slot.tenant, edge, READINGS, method="POST", body=body.payload)
    assert answer.status == 200, answer


async def folded(lab: Lab, slot: Slot) -> None:
    while True:
        if slot in (await read_record(lab)).current:
            return
        await asyncio.sleep(PAUSE_S)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moved(shared_lab: Lab) -> Slot:
    """A slot whose newer value, by another edge, arrived before the older one."""
    lab, (first, second, *_) = shared_lab, shared_lab.edges
    slot = Slot(lab.tenants[0], "moved", (FIRST_DAY + 220) * DAY_S)
    await lab.register(slot.tenant, [slot.meter])
    lab.links[first].cut()
    await acknowledged(lab, first, slot, OLD)
    await acknowledged(lab, second, slot, NEW)
    async with asyncio.timeout(DEADLINE_S):
        await folded(lab, slot)
        lab.links[first].heal()
        await drained(lab)
    return slot


async def test_headquarters_ranks_by_acknowledgement(shared_lab: Lab, moved: Slot) -> None:
    record = await read_record(shared_lab)

    assert [version for _, version in sorted(record.versions[moved])] == [OLD, NEW]
    assert record.current[moved] == expected([OLD, NEW])


@pytest.mark.xfail(strict=True, reason="a slot of the hot store has no stamp: arrival decides")
async def test_the_fog_ranks_by_acknowledgement(shared_lab: Lab, moved: Slot) -> None:
    fog = next(zone.name for zone in shared_lab.topology.zones if zone.tier == 2)

    shown = await read_hot(shared_lab, fog, [moved])

    assert shown[moved] == expected([OLD, NEW])
