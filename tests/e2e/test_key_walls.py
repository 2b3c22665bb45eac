"""A tenant's key, used from the outside, opens nothing of a neighbour's at any zone."""

import json

import pytest

from tests.e2e.body import series_body
from tests.e2e.line import Answer, Line, by_port
from tests.e2e.neighbours import FIRST_S, OURS, PERIOD, READINGS, THEIRS, VALUE, Neighbours
from tests.e2e.versions import Slot, Version

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

THEIR_PERIOD = f"{READINGS}?meter_id={THEIRS}&{PERIOD}"


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and slug of a problem."""
    return answer.status, json.loads(answer.body)["type"].rpartition(":")[2]


async def test_our_key_finds_our_meter_and_not_theirs(neighbours: Neighbours) -> None:
    lab, us, them = neighbours.lab, neighbours.us, neighbours.them
    for zone in lab.topology.zones:
        ours = await lab.ask(us, zone.name, f"{READINGS}?meter_id={OURS}&{PERIOD}")
        theirs = await lab.ask(them, zone.name, THEIR_PERIOD)
        listed = await lab.ask(us, zone.name, "/v1/mdms/meters?limit=10000")

        assert ours["series"][0]["final"] == theirs["series"][0]["final"] == [VALUE] * 8
        assert THEIRS not in {meter["meter_id"] for meter in listed["meters"]}
        for path in (THEIR_PERIOD, f"/v1/mdms/meters/{THEIRS}"):
            refused = refusal(await lab.call(us, zone.name, path))
            assert refused == (404, "unknown-meter"), (zone.name, path)


async def test_our_key_cannot_name_them(neighbours: Neighbours) -> None:
    for zone in neighbours.lab.topology.zones:
        answer = await neighbours.lab.call(
            neighbours.us, zone.name, THEIR_PERIOD, GridFaaS_Tenant=neighbours.them
        )
        assert refusal(answer) == (403, "forbidden"), zone.name


async def test_our_key_cannot_write_their_readings(neighbours: Neighbours) -> None:
    lab, us, them = neighbours.lab, neighbours.us, neighbours.them
    edge = lab.edges[0]
    forged = series_body(
        [[(Slot(them, THEIRS, FIRST_S), Version(666, 7))]], edge=edge, fresh=True
    ).payload

    answer = await lab.call(us, edge, READINGS, method="POST", body=forged)

    (series,) = json.loads(answer.body)["series"]
    assert [run["reason"] for run in series["outcomes"]] == ["unknown-meter"]
    kept = await lab.ask(them, edge, THEIR_PERIOD)
    assert kept["series"][0]["final"] == [VALUE] * 8


@pytest.mark.parametrize("key", ["", "gf_" + "x" * 32, "nonsense"], ids=["none", "unknown", "odd"])
async def test_nobody_reads_without_a_key(neighbours: Neighbours, key: str) -> None:
    for zone in neighbours.lab.topology.zones:
        line = Line(by_port(zone.port), key=key)
        answer = await line.call("GET", f"{READINGS}?meter_id={OURS}&{PERIOD}")
        line.close()
        assert refusal(answer) == (401, "unauthenticated"), zone.name


async def test_our_key_is_no_zones_and_no_administrators(neighbours: Neighbours) -> None:
    lab, us = neighbours.lab, neighbours.us
    for zone in lab.topology.zones:
        snapshot = await lab.call(us, zone.name, "/v1/platform/snapshot")
        tenants = await lab.ask(us, zone.name, "/v1/platform/tenants")
        uplink = await lab.call(us, zone.name, "/v1/mdms/uplink", method="POST", body=b"{}")
        tier_3 = (404, "not-in-this-zone")

        assert refusal(snapshot) == (403, "forbidden"), zone.name
        assert [tenant["slug"] for tenant in tenants["tenants"]] == [us], zone.name
        assert refusal(uplink) == (tier_3 if zone.tier == 3 else (403, "forbidden")), zone.name


async def test_our_key_makes_no_tenant_and_no_key_of_theirs(neighbours: Neighbours) -> None:
    lab, us, them = neighbours.lab, neighbours.us, neighbours.them
    top = lab.topology.zones[0].name
    for path, form in (
        ("/v1/platform/tenants", {"slug": "mine-too", "name": "Mine too", "zones": [top]}),
        ("/v1/platform/keys", {"tenant": them, "role": "tenant-admin"}),
    ):
        body = json.dumps(form).encode()
        answer = await lab.call(us, top, path, method="POST", body=body)
        assert refusal(answer) == (403, "forbidden"), path
