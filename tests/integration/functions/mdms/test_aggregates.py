"""Feeders, transformers, tenant and zone as one meter, with their coverage."""

from typing import Any

import httpx
import pytest

from tests.integration.functions.readings import meter, run, send
from tests.integration.functions.zone import Zone

METERS = [
    meter("A", version=1, feeder="F-01", transformer="T-1"),
    meter("B", version=2, feeder="F-01", transformer="T-2"),
    meter("C", version=3, feeder="F-02"),
    meter("D", version=4),
]


async def aggregate(zone: Zone, **params: Any) -> httpx.Response:
    period = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}
    return await zone.client.get("/v1/mdms/aggregates", params=period | params)


@pytest.fixture
async def zone(edge: Zone) -> Zone:
    page = {"after": 0, "version": 4, "complete": True, "meters": METERS}
    await edge.client.post(
        "/v1/mdms/downlink", json=page, headers=edge.calls_as(edge.name, tenant="acme")
    )
    await send(edge, run("A", [1, 2, 3, 4, 5]), run("B", [10]), run("C", [100]))
    return edge


@pytest.mark.parametrize(
    ("params", "name", "meters", "with_values", "sums", "complete"),
    [
        pytest.param({"of": "feeder", "name": "F-01"}, "F-01", 2, 2, [20, 5], [1, 0], id="feeder"),
        pytest.param(
            {"of": "transformer", "name": "T-2"}, "T-2", 1, 1, [10, None], [0, 0], id="transformer"
        ),
        pytest.param({"of": "tenant"}, "acme", 4, 3, [120, 5], [1, 0], id="tenant"),
        pytest.param({"of": "zone"}, "zone-3a", 3, 3, [120, 5], [1, 0], id="zone"),
        pytest.param({"of": "feeder", "name": "F-9"}, "F-9", 0, 0, [None, None], [0, 0], id="none"),
    ],
)
async def test_a_group_is_summed_up(
    zone: Zone,
    params: dict[str, str],
    name: str,
    meters: int,
    with_values: int,
    sums: list[int | None],
    complete: list[int],
) -> None:
    answered = await aggregate(zone, **params)

    answer = answered.json()
    assert answered.status_code == 200, answered.text
    assert (answer["name"], answer["meters"], answer["with_values"]) == (name, meters, with_values)
    assert [one["sum"] for one in answer["buckets"]] == sums
    assert [one["complete"] for one in answer["buckets"]] == complete


@pytest.mark.parametrize(
    "params",
    [
        {"of": "feeder"},
        {"of": "tenant", "name": "acme"},
        {"of": "street", "name": "x"},
        {"of": "tenant", "resample": "week"},
        {"of": "tenant", "resample": "300"},
    ],
)
async def test_what_cannot_be_asked(zone: Zone, params: dict[str, str]) -> None:
    answered = await aggregate(zone, **params)

    assert answered.status_code == 400
    assert answered.json()["type"] == "urn:gridfaas:problem:malformed-request"


async def test_headquarters_knows_the_groups(headquarters: Zone) -> None:
    meters = [{name: one[name] for name in one if name != "version"} for one in METERS]
    registered = await headquarters.client.post("/v1/mdms/meters", json={"meters": meters})
    assert registered.json()["created"] == 4

    found = [
        (await aggregate(headquarters, **params)).json()["meters"]
        for params in (
            {"of": "feeder", "name": "F-01"},
            {"of": "transformer", "name": "T-1"},
            {"of": "tenant"},
            {"of": "zone"},
        )
    ]

    assert found == [2, 1, 4, 0]
