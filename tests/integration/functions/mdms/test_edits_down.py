"""Edits of headquarters go down to the zones that hold the values, once, and never up again."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from storage.hot.acl import provision_tenant
from storage.hot.connection import connect
from storage.hot.edits import HotEdits
from storage.hot.store import RedisHotStore
from storage.model.block import BlockKey
from storage.model.uplink import encode_entries
from tests.integration.functions.mdms.desk_calls import FIRST_DAY, get, post
from tests.integration.functions.mdms.edits_worker import EDGE, EDITS, edits
from tests.integration.functions.readings import (
    IMPORT,
    eventually,
    final_values,
    run,
    send,
)
from tests.integration.functions.traffic_scheduling.conftest import start_link, way
from tests.integration.functions.traffic_scheduling.links import Way, drained
from tests.integration.functions.zone import PASSWORD, Zone, provision_hot

__all__ = ["start_link", "way"]

PERIOD = {"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
REASON = "the customer's own meter"
DEADLINE_S = 60


async def edited(zone: Zone, *edits: dict[str, Any]) -> None:
    answer = await post(zone, "edits", {"edits": edits, "reason": REASON})
    assert {one["outcome"] for one in answer["edits"]} == {"applied"}, answer


def edit(values: list[int], **changes: Any) -> dict[str, Any]:
    return {
        "meter_id": "A",
        "start": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "values": values,
    } | changes


@pytest.fixture
async def linked(way: Way) -> tuple[Zone, Zone, Zone]:
    """Readings of A at the edge, at zone 2 and on the record; B is registered and has none."""
    await way.register("A", "B")
    await way.open()
    await way.has_registered("A", "B")
    await send(way.edge, run("A", [10, 20, 30]))
    await settled(way.edge_url, way.fog_url)
    return way.edge, way.fog, way.headquarters


async def settled(*redis_urls: str) -> None:
    await eventually(drained(*redis_urls))


async def shows(zone: Zone, values: list[int | None]) -> None:
    async def check() -> bool:
        return await final_values(zone, "A", count=len(values)) == values

    await eventually(check)


async def test_an_edit_shows_in_every_zone_and_outranks_what_is_sent_there(
    linked: tuple[Zone, Zone, Zone], redis_url: str, fog_url: str
) -> None:
    edge, fog, headquarters = linked
    await edited(headquarters, edit([11]), edit([21], start="2026-01-01T00:15:00Z"))
    await edited(headquarters, edit([12]))

    for zone in (fog, edge):
        await shows(zone, [12, 21, 30])
    again = await send(edge, run("A", [10, 19, 31]))
    assert (again["duplicate"], again["accepted"], again["corrected"]) == (1, 1, 1)
    await settled(redis_url, fog_url)
    for zone in (edge, fog, headquarters):
        await shows(zone, [12, 21, 31])
    [series] = (await get(edge, "readings", **PERIOD))["series"]
    assert (series["values"][:2], series["quality"][:3]) == ([10, 19], [7, 7, 0])


async def test_nothing_of_an_edit_goes_up_again(
    linked: tuple[Zone, Zone, Zone], redis_url: str, fog_url: str
) -> None:
    edge, fog, headquarters = linked
    await edited(headquarters, edit([11]))
    before = await get(headquarters, "history", **PERIOD)
    uplinks = fog.entrance.calls.count("POST /v1/mdms/uplink")
    at_hq = headquarters.entrance.calls.count("POST /v1/mdms/uplink")
    for zone in (fog, edge):
        await shows(zone, [11, 20, 30])
    await settled(redis_url, fog_url)

    assert fog.entrance.calls.count("POST /v1/mdms/uplink") == uplinks
    assert headquarters.entrance.calls.count("POST /v1/mdms/uplink") == at_hq
    assert await get(headquarters, "history", **PERIOD) == before


async def test_an_edit_of_what_a_zone_does_not_hold_makes_no_part_of_a_day_there(
    linked: tuple[Zone, Zone, Zone],
) -> None:
    edge, fog, headquarters = linked
    await edited(headquarters, edit([5], meter_id="B"), edit([11]))
    for zone in (fog, edge):
        await shows(zone, [11, 20, 30])

    asked = PERIOD | {"meter_id": "B", "recall": False}
    for zone in (fog, edge):
        [series] = (await get(zone, "readings", **asked))["series"]
        assert set(series["final"]) == {None}


async def test_register_reads_and_estimates_come_down_too(
    linked: tuple[Zone, Zone, Zone], redis_url: str, fog_url: str
) -> None:
    edge, _, headquarters = linked
    read = {"meter_id": "A", "register": IMPORT, "at": "2026-01-01T01:00:00Z", "value": 500}
    await edge.client.post("/v1/mdms/readings", json={"readings": [read]})
    await send(edge, run("A", [40], start="2026-01-01T01:00:00Z"))
    await settled(redis_url, fog_url)

    async def on_record() -> bool:
        found = await get(headquarters, "events", **PERIOD)
        return [one["final"] for one in found["events"]] == [500]

    await eventually(on_record)
    await edited(
        headquarters, edit([510], start="2026-01-01T01:00:00Z", interval_s=0, register=IMPORT)
    )
    wanted = {"methods": [{"method": "linear-interpolation"}], "scale": False}
    asked = {"meter_ids": ["A"], "from": PERIOD["from"], "to": "2026-01-01T01:15:00Z"}
    applied = await post(
        headquarters, "estimations", asked | wanted | {"apply": True, "reason": REASON}
    )
    assert applied["counts"]["linear-interpolation"] == 1

    async def read_is_edited() -> bool:
        events = (await get(edge, "events", **PERIOD))["events"]
        return [(one["final"], one["quality"]) for one in events] == [(510, 7)]

    await eventually(read_is_edited)
    await shows(edge, [10, 20, 30, 35, 40])
    # An actual value takes the place of the estimate, here as at headquarters.
    await send(edge, run("A", [33], start="2026-01-01T00:45:00Z"))
    await settled(redis_url, fog_url)
    for zone in linked:
        await shows(zone, [10, 20, 30, 33, 40])


async def test_only_a_zone_takes_edits_and_none_of_its_own_childrens(fog: Zone) -> None:
    body = encode_entries(edits()[:1])
    path = "/v1/mdms/downlink/edits"
    head = {"Content-Type": "application/x-gridfaas-uplink"}
    by_tenant = await fog.client.post(path, content=body, headers=head)
    by_child = await fog.client.post(
        path, content=body, headers=head | fog.calls_as("zone-3a", tenant="acme")
    )
    taken = await fog.client.post(
        path, content=body, headers=head | fog.calls_as("zone-2", tenant="acme")
    )

    assert (by_tenant.status_code, by_child.status_code) == (403, 403)
    assert taken.json() == {"edge": EDGE, "sequence": edits()[0].sequence}


@pytest.mark.parametrize("lines", [1, 7, 30])
async def test_a_killed_zone_takes_each_edit_once(redis_url: str, lines: int) -> None:
    await provision_hot(redis_url)
    url = await provision_tenant(redis_url, "acme", password=PASSWORD)
    for stop_after in (lines, 2 * lines, None):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.functions.mdms.edits_worker"),
            stdin=PIPE,
            stdout=PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{url}\n".encode())
        await process.stdin.drain()
        seen = 0
        try:
            while seen != stop_after:
                line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
                if line == b"done\n":
                    break
                assert line, "the worker ended by itself"
                seen += 1
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    connection = connect(url)
    limits = 1 << 26, 1 << 30
    store = RedisHotStore(connection, slug="acme", zone="zone-2", uplink_limit_bytes=limits[0])
    key = BlockKey("A", IMPORT, FIRST_DAY, 900)
    slots = (await store.read([key]))[key]
    kept = HotEdits(connection, store, slug="acme", relaying=True, limits=limits)
    handed_on = await kept.after("", 0, limit=1_000)
    position = await kept.position()
    await connection.aclose()

    assert position == (EDGE, EDITS[-1][0])
    assert [one.sequence for one in handed_on] == [sequence for sequence, *_ in EDITS]
    for slot in (0, 1):
        of_slot = [value for _, at, value in EDITS if at == slot]
        assert (slots["final"][slot], slots["quality"][slot]) == (of_slot[-1], 7)
        assert slots["revision"][slot] == len(of_slot)
