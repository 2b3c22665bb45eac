"""SIGKILL between any two steps of a demotion loses and doubles nothing."""

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from storage.cold.audit import count_readings
from storage.cold.walls import tenant_role
from storage.hot.acl import provision_tiering
from storage.hot.connection import connect
from storage.hot.store import RedisHotStore
from storage.model.block import PRESENT, BlockKey
from tests.integration.functions.readings import run
from tests.integration.functions.tiering.conftest import Tiers
from tests.integration.functions.tiering.test_recall import WHOLE, final, read, send
from tests.integration.functions.tiering.tier_zone import TENANT
from tests.integration.functions.zone import PASSWORD
from tests.integration.stepped_process import go_on, kill, step, stepped_process

SCRIPT = Path(__file__).parent / "demoting.py"
EQUAL = ["read", "prove", "will_drop", "drop"]
"""The calls of a demotion whose blocks are on the record as they are here."""
KNOWS_MORE = ["read", "prove", "recall", "history", "will_drop", "drop"]
"""The calls where the record knows more of a block than this zone."""


def demoting(
    redis_url: str, database_url: str, *meters: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    return stepped_process(SCRIPT, redis_url, database_url, TENANT, *meters)


async def held_here(tiers: Tiers, *meters: str) -> dict[str, int]:
    """The values that the fog's own store holds of each meter's day."""
    connection = connect(tiers.fog.redis_url)
    try:
        store = RedisHotStore(connection, slug=TENANT, zone="zone-2", uplink_limit_bytes=0)
        found = await store.read([BlockKey(name, "1-0:1.8.0", 20_454, 900) for name in meters])
    finally:
        await connection.aclose()
    return {key.meter_id: int((slots["flags"] & PRESENT).sum()) for key, slots in found.items()}


@pytest.mark.parametrize("calls", [EQUAL, KNOWS_MORE], ids=["equal", "record_knows_more"])
async def test_a_killed_demotion_loses_and_doubles_nothing(
    tiers: Tiers, tenant_database: str, database_url: str, calls: list[str]
) -> None:
    await send(tiers.edge, run("A", WHOLE), run("B", WHOLE[:90]))
    await tiers.carry()
    expected = {"A": WHOLE, "B": WHOLE[:90]}
    if calls is KNOWS_MORE:
        # An edge that moved: its reading reached headquarters by another zone.
        await send(tiers.edge, run("B", [42], start="2026-01-01T23:45:00Z"))
        await tiers.skip_the_fog()
        expected["B"] = [*WHOLE[:90], *[None] * 5, 42]
    url = await provision_tiering(tiers.fog.redis_url, password=PASSWORD)
    stops = [f"{when} {call}" for call in calls for when in ("before", "after")]

    async def check(*, dropped: bool) -> None:
        for name, values in expected.items():
            whole = [*values, *[None] * (96 - len(values))]
            assert final(await read(tiers.headquarters, name)) == whole, name
            # What came by another zone is seen here once this zone asks for the day.
            here = final(await read(tiers.fog, name))
            assert here == whole or (not dropped and here[:90] == whole[:90]), name
        audited = await count_readings(database_url=database_url, schema=tenant_role(TENANT))
        assert (
            audited.found
            == audited.distinct
            == sum(value is not None for values in expected.values() for value in values)
        )

    for stop in stops:
        with demoting(url, tenant_database, "A", "B") as process:
            while (at := step(process)) != stop:
                assert at in stops, at
                go_on(process)
            kill(process)
        await check(dropped=stop == "after drop")
    assert await held_here(tiers, "A", "B") == {}

    with demoting(url, tenant_database, "A", "B") as process:
        while not (at := step(process)).startswith("dropped"):
            go_on(process)
    assert at == "dropped 0"
    await check(dropped=True)


async def test_what_changes_between_proof_and_drop_stays(
    tiers: Tiers, tenant_database: str
) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    url = await provision_tiering(tiers.fog.redis_url, password=PASSWORD)

    with demoting(url, tenant_database, "A") as process:
        while step(process) != "before drop":
            go_on(process)
        await send(tiers.edge, run("A", [49], start="2026-01-01T00:00:00Z"))
        await tiers.carry()
        go_on(process)
        while not (at := step(process)).startswith("dropped"):
            go_on(process)

    assert at == "dropped 0"
    assert await held_here(tiers, "A") == {"A": 96}
    assert final(await read(tiers.fog)) == [49, *WHOLE[1:]]


async def test_what_the_record_does_not_have_stays(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))

    answer = (await tiers.edge.client.post("/v1/hot_storage/run", json={})).json()

    assert (answer["dropped"], answer["refused"]) == (0, {"not-on-record": 1})
    assert final(await read(tiers.edge, recall=False)) == WHOLE
