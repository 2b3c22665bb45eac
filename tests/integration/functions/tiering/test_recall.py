"""One query over both tiers: what is not in a zone is fetched from below, once, and said so."""

import asyncio
from typing import Any

import pytest

from tests.integration.functions.readings import run
from tests.integration.functions.tiering.conftest import Tiers
from tests.integration.functions.tiering.tier_zone import TierZone

DAY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
WHOLE = [n % 50 for n in range(96)]


async def send(zone: TierZone, *series: dict[str, Any]) -> dict[str, Any]:
    answered = await zone.client.post("/v1/mdms/readings", json={"series": series})
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def read(zone: TierZone, meter_id: str = "A", **params: Any) -> dict[str, Any]:
    answered = await zone.client.get(
        "/v1/mdms/readings", params={"meter_id": meter_id} | DAY | params
    )
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


def final(answer: dict[str, Any]) -> list[int | None]:
    return [value for part in answer["series"] for value in part["final"]]


async def demote(zone: TierZone, **body: Any) -> dict[str, Any]:
    answered = await zone.client.post("/v1/hot_storage/run", json=body)
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def test_a_demoted_day_is_read_from_headquarters_in_one_trip(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    assert (await demote(tiers.fog))["dropped"] == 1
    assert (await demote(tiers.edge))["dropped"] == 1

    answer = await read(tiers.edge)

    assert final(answer) == WHOLE
    assert [(one["source"], one["zone"]) for one in answer["series"]] == [("cold", "zone-1")]
    assert answer["source"] == "cold"
    assert answer["age_s"] >= 0
    trips = tiers.headquarters.entrance.calls.count("POST /v1/cold_storage/recall")
    assert final(await read(tiers.edge)) == WHOLE
    assert tiers.headquarters.entrance.calls.count("POST /v1/cold_storage/recall") == trips


async def test_many_who_ask_share_one_trip(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.edge)

    answers = await asyncio.gather(*(read(tiers.edge) for _ in range(8)))

    assert [final(one) for one in answers] == [WHOLE] * 8
    assert tiers.fog.entrance.calls.count("POST /v1/hot_storage/recall") == 1


async def test_a_period_over_both_tiers_says_what_came_from_where(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.edge)
    await send(tiers.edge, run("A", [7] * 96, start="2026-01-02T00:00:00Z"))

    answer = await read(tiers.edge, to="2026-01-03T00:00:00Z")

    assert final(answer) == WHOLE + [7] * 96
    assert [(one["source"], one["zone"], one["start"]) for one in answer["series"]] == [
        ("hot", "zone-2", "2026-01-01T00:00:00Z"),
        ("hot", "zone-3a", "2026-01-02T00:00:00Z"),
    ]


async def test_a_late_reading_of_a_dropped_day_joins_the_rest(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE[:95]))
    await tiers.carry()
    await demote(tiers.fog)
    await demote(tiers.edge)
    await send(tiers.edge, run("A", [4], start="2026-01-01T23:45:00Z"))

    assert final(await read(tiers.edge)) == [*WHOLE[:95], 4]

    await tiers.carry()
    for zone in (tiers.edge, tiers.fog, tiers.headquarters):
        assert final(await read(zone)) == [*WHOLE[:95], 4]


async def test_a_zone_that_is_cut_off_answers_what_is_hot_and_names_the_rest(
    tiers: Tiers,
) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.edge)
    await send(tiers.edge, run("A", [7] * 96, start="2026-01-02T00:00:00Z"))
    tiers.fog.entrance.unreachable = True

    answer = await read(tiers.edge, to="2026-01-03T00:00:00Z")

    assert final(answer) == [None] * 96 + [7] * 96
    [missing] = answer["missing"]
    assert (missing["from"], missing["to"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert "the link is cut" in missing["reason"]

    rows = await tiers.edge.client.get(
        "/v1/mdms/readings", params={"meter_id": "A", "format": "csv"} | DAY
    )
    assert (rows.status_code, rows.json()["type"]) == (
        503,
        "urn:gridfaas:problem:parent-unreachable",
    )
    hot_only = await tiers.edge.client.get(
        "/v1/mdms/readings", params={"meter_id": "A", "format": "csv", "recall": False} | DAY
    )
    assert hot_only.status_code == 200

    tiers.fog.entrance.unreachable = False
    await asyncio.sleep(0.02)
    assert final(await read(tiers.edge)) == WHOLE


async def test_what_is_nowhere_is_nowhere(tiers: Tiers) -> None:
    answer = await read(tiers.edge, "B")

    assert set(final(answer)) == {None}
    assert "missing" not in answer
    assert answer["source"] == "hot"


@pytest.mark.parametrize("of", ["feeder", "tenant"])
async def test_sums_span_both_tiers(tiers: Tiers, of: str) -> None:
    await send(tiers.edge, run("A", WHOLE), run("B", [1] * 96))
    await tiers.carry()
    await demote(tiers.edge)
    params = {"of": of, "resample": "day"} | DAY | ({"name": "F"} if of == "feeder" else {})

    answer = (await tiers.edge.client.get("/v1/mdms/aggregates", params=params)).json()

    expected = sum(WHOLE) + 96 if of == "tenant" else None
    assert answer["buckets"][0]["sum"] == expected


async def test_what_is_sent_again_after_its_day_was_dropped_is_no_news(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.fog)
    await demote(tiers.edge)
    # The worker looks at most once a second which days were dropped.
    await asyncio.sleep(1.0)

    answer = await send(tiers.edge, run("A", [*WHOLE[:95], 4]))

    assert (answer["duplicate"], answer["accepted"]) == (95, 1)
    await tiers.carry()
    last = await read(tiers.headquarters)
    assert final(last) == [*WHOLE[:95], 4]
    assert last["series"][0]["revision"] == [0] * 95 + [1]
