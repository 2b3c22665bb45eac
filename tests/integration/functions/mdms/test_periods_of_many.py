"""Many meters in one query: as they are, resampled, as JSON, NDJSON and CSV, in every tier."""

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.integration.functions.readings import IMPORT, meter, run, send
from tests.integration.functions.zone import Zone

PERIOD = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}
POWER = "1-0:1.7.0"


@pytest.fixture
async def zone(edge: Zone) -> Zone:
    both = [IMPORT, POWER]
    meters = [
        meter("A", version=1, feeder="F-01", registers=both),
        meter("B", version=2, feeder="F-01"),
        meter("C", version=3, feeder="F-02"),
    ]
    page = {"after": 0, "version": 3, "complete": True, "meters": meters}
    await edge.client.post("/v1/mdms/downlink", json=page, headers=edge.calls_as(edge.name,
                           tenant="acme"))  # fmt: skip
    await send(
        edge,
        run("A", [1, 2, 3, 4, 5]),
        run("B", [10, 20], quality=14, start="2026-01-01T00:30:00Z"),
        run("C", [7]),
        run("A", [100, 300], register=POWER),
    )
    return edge


async def get(zone: Zone, accept: str = "*/*", **params: Any) -> httpx.Response:
    return await zone.client.get(
        "/v1/mdms/readings", params=PERIOD | params, headers={"accept": accept}
    )


async def test_many_meters_as_json(zone: Zone) -> None:
    answer = (await get(zone, meter_id=["B", "A"])).json()

    assert (answer["from"], answer["to"]) == (PERIOD["from"], PERIOD["to"])
    assert [one["meter_id"] for one in answer["meters"]] == ["B", "A"]
    [series] = answer["meters"][0]["series"]
    assert series["interval_s"] == 900
    assert series["final"] == [None, None, 10, 20, None, None, None, None]
    assert answer["source"] == "hot"


async def test_a_feeder_as_csv_has_a_row_an_interval(zone: Zone) -> None:
    answered = await get(zone, accept="text/csv", feeder="F-01")

    rows = list(csv.DictReader(io.StringIO(answered.text, newline="")))
    assert answered.headers["content-type"].startswith("text/csv")
    assert [(row["meter_id"], row["final"]) for row in rows] == [
        *(("A", str(value)) for value in (1, 2, 3, 4, 5)),
        ("B", "10"),
        ("B", "20"),
    ]
    assert rows[-1] == {
        "meter_id": "B",
        "register": IMPORT,
        "at": "2026-01-01T00:45:00Z",
        "interval_s": "900",
        "value": "20",
        "final": "20",
        "quality": "14",
        "revision": "0",
    }


async def test_ndjson_of_one_meter(zone: Zone) -> None:
    answered = await get(zone, meter_id="C", format="ndjson", accept="text/csv")

    assert answered.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["final"] for line in answered.text.splitlines()] == [7]


async def test_nothing_stored_is_a_header_alone(zone: Zone) -> None:
    later = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}
    answered = await get(zone, meter_id="A", format="csv", **later)

    assert answered.text == "meter_id,register,at,interval_s,value,final,quality,revision\r\n"
    assert (await get(zone, feeder="none", format="ndjson")).text == ""


async def test_a_green_button_feed_of_one_meter(zone: Zone) -> None:
    answered = await get(zone, accept="application/atom+xml", meter_id="A")

    values = ElementTree.fromstring(answered.content).iter("{http://naesb.org/espi}value")
    assert answered.headers["content-type"].startswith("application/atom+xml")
    assert [int(one.text or "") for one in values] == [1, 2, 3, 4, 5]


async def test_hours_of_energy(zone: Zone) -> None:
    answer = (await get(zone, feeder="F-01", resample="3600")).json()

    assert (answer["resample"], answer["time_zone"]) == ("3600", "UTC")
    assert answer["meters"][1] == {
        "meter_id": "B",
        "buckets": [
            {
                "from": "2026-01-01T00:00:00Z",
                "to": "2026-01-01T01:00:00Z",
                "sum": 30,
                "intervals": 2,
                "missing": 2,
            },
            {
                "from": "2026-01-01T01:00:00Z",
                "to": "2026-01-01T02:00:00Z",
                "sum": None,
                "intervals": 0,
                "missing": 4,
            },
        ],
    }


async def test_days_of_a_named_zone_and_demand_as_csv(zone: Zone) -> None:
    answered = await get(
        zone,
        meter_id="A",
        register=POWER,
        resample="day",
        time_zone="Asia/Baghdad",
        format="csv",
        **{"from": "2025-12-31T21:00:00Z", "to": "2026-01-01T21:00:00Z"},
    )

    [row] = csv.DictReader(io.StringIO(answered.text, newline=""))
    assert (row["from"], row["to"]) == ("2025-12-31T21:00:00Z", "2026-01-01T21:00:00Z")
    assert (row["mean"], row["max"]) == ("200.0", "300")
    assert (row["intervals"], row["missing"]) == ("2", "94")


@pytest.mark.parametrize(
    ("params", "status", "slug"),
    [
        pytest.param({}, 400, "malformed-request", id="no_meters"),
        pytest.param({"meter_id": "A", "feeder": "F"}, 400, "malformed-request", id="both"),
        pytest.param({"meter_id": ["A", "X"]}, 404, "unknown-meter", id="unknown"),
        pytest.param(
            {"meter_id": ["A", "B"], "register": POWER}, 404, "unknown-register", id="register"
        ),
        pytest.param({"meter_id": "A", "resample": "week"}, 400, "malformed-request", id="week"),
        pytest.param(
            {"meter_id": "A", "resample": "day", "time_zone": "X"}, 400, "malformed-request", id="z"
        ),
        pytest.param(
            {"meter_id": "A", "resample": "300", "format": "csv"},
            400,
            "malformed-request",
            id="shorter_than_intervals",
        ),
        pytest.param({"feeder": "F-01", "cursor": "MTA"}, 400, "malformed-request", id="cursor"),
        pytest.param(
            {"feeder": "F-01", "format": "greenbutton"}, 400, "malformed-request", id="feed"
        ),
        pytest.param({"meter_id": "A", "format": "xlsx"}, 400, "malformed-request", id="format"),
        pytest.param(
            {"meter_id": ["A", "B", "C"], "to": "2027-01-30T00:00:00Z"}, 413, "answer-too-large",
            id="too_large_for_one_piece",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked(
    zone: Zone, params: dict[str, Any], status: int, slug: str
) -> None:
    answered = await get(zone, **params)

    assert answered.status_code == status, answered.text
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def test_headquarters_answers_of_a_feeder(headquarters: Zone) -> None:
    body = {"meters": [meter("A", feeder="F-01"), meter("B", feeder="F-01"), meter("C")]}
    await headquarters.client.post("/v1/mdms/meters", json=body)

    answer = (await get(headquarters, feeder="F-01", resample="day")).json()

    assert [one["meter_id"] for one in answer["meters"]] == ["A", "B"]
    assert answer["meters"][0]["buckets"][0]["missing"] == 8
    assert answer["source"] == "cold"
