"""Queries by quality, transformer and tenant, and readings as a Parquet file."""

import builtins
import io
from typing import Any

import arro3.io
import httpx
import pytest

from tests.integration.functions.readings import IMPORT, meter, run, send
from tests.integration.functions.zone import Zone

PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}
COLUMNS = ["meter_id", "register", "at", "interval_s", "value", "final", "quality", "revision"]


@pytest.fixture
async def zone(edge: Zone) -> Zone:
    meters = [
        meter("A", version=1, feeder="F-01", transformer="T-1"),
        meter("B", version=2, feeder="F-01", transformer="T-2"),
        meter("C", version=3, feeder="F-02", transformer="T-1"),
    ]
    page = {"after": 0, "version": 3, "complete": True, "meters": meters}
    held = edge.calls_as(edge.name, tenant="acme")
    assert (await edge.client.post("/v1/mdms/downlink", json=page, headers=held)).is_success
    await send(edge, run("A", [1, 2, 3, 4], quality=[0, 8, 14, 8]), run("C", [7], quality=17))
    await send(edge, run("A", [9], start="2026-01-01T00:30:00Z", quality=14))
    return edge


async def get(
    zone: Zone, accept: str = "*/*", path: str = "readings", **params: Any
) -> httpx.Response:
    return await zone.client.get(
        "/v1/mdms/readings", params=PERIOD | params, headers={"accept": accept}
    )


async def test_a_page_of_one_quality(zone: Zone) -> None:
    answer = (await get(zone, meter_id="A", quality=8)).json()

    [series] = answer["series"]
    assert series["final"] == [None, 2, None, 4, None, None, None, None]
    assert series["quality"][:4] == [None, 8, None, 8]


async def test_rows_of_several_qualities(zone: Zone) -> None:
    rows = (await get(zone, feeder="F-01", format="ndjson", quality=[0, 14])).text.splitlines()

    assert len(rows) == 2
    assert '"final":1' in rows[0]
    assert '"final":9' in rows[1]


async def test_longer_intervals_count_other_qualities_as_missing(zone: Zone) -> None:
    answer = (await get(zone, meter_id="A", resample="3600", quality=8)).json()

    first = answer["meters"][0]["buckets"][0]
    assert (first["sum"], first["intervals"], first["missing"]) == (6, 2, 2)


@pytest.mark.parametrize(
    ("asked", "meters"),
    [
        ({"transformer": "T-1"}, ["A", "C"]),
        ({"feeder": "F-01"}, ["A", "B"]),
        ({"all": True}, ["A", "B", "C"]),
    ],
)
async def test_meters_of_a_group(zone: Zone, asked: dict[str, Any], meters: list[str]) -> None:
    answer = (await get(zone, **asked)).json()

    assert [one["meter_id"] for one in answer["meters"]] == meters


@pytest.mark.parametrize(
    "asked",
    [
        {"transformer": "T-1", "feeder": "F-01"},
        {"all": True, "meter_id": "A"},
        {"transformer": "T-1", "meter_id": "A"},
        {},
        {"meter_id": "A", "quality": 256},
        {"meter_id": "A", "format": "parquet", "resample": "day"},
        {"meter_id": "A", "format": "parquet", "view": "raw"},
    ],
)
async def test_what_is_no_query(zone: Zone, asked: dict[str, Any]) -> None:
    answer = await get(zone, **asked)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("way", ["format", "accept"])
async def test_a_parquet_file_has_a_row_an_interval(zone: Zone, way: str) -> None:
    kind = "application/vnd.apache.parquet"
    if way == "format":
        answer = await get(zone, transformer="T-1", format="parquet")
    else:
        answer = await get(zone, transformer="T-1", accept=kind)

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    table = arro3.io.read_parquet(io.BytesIO(answer.content)).read_all()
    assert table.column_names == COLUMNS
    rows = list(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))
    assert [row[:2] for row in rows] == [("A", IMPORT)] * 4 + [("C", IMPORT)]
    assert [row[2].isoformat() for row in rows[:2]] == [
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:15:00+00:00",
    ]
    assert [row[3:] for row in rows] == [
        (900, 1, 1, 0, 0),
        (900, None, 2, 8, 0),
        (900, 9, 9, 14, 1),
        (900, None, 4, 8, 0),
        (900, 7, 7, 17, 0),
    ]


async def test_a_parquet_file_without_rows_has_its_columns(zone: Zone) -> None:
    answer = await get(zone, meter_id="B", format="parquet")

    table = arro3.io.read_parquet(io.BytesIO(answer.content)).read_all()
    assert (table.num_rows, table.column_names) == (0, COLUMNS)


async def test_an_installation_without_the_library_names_it(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "arro3":
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    answer = await get(zone, meter_id="A", format="parquet")

    assert (answer.status_code, answer.json()["type"]) == (
        406,
        "urn:gridfaas:problem:not-acceptable",
    )
    assert "gridfaas[archive]" in answer.json()["detail"]
