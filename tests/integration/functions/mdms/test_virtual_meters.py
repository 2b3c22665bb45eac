"""Virtual meters: registered at headquarters, read in every zone as any other meter."""

import csv
import io
from typing import Any

import pytest

from tests.integration.functions.readings import IMPORT, meter, run, send
from tests.integration.functions.zone import Zone

EXPORT = "1-0:2.8.0"
POWER = "1-0:1.7.0"
NOON = "2026-01-01T12:00:00Z"
REAL = [
    meter("A", feeder="F-01", registers=[IMPORT, EXPORT, POWER]),
    meter("B", feeder="F-01", registers=[IMPORT, POWER]),
    meter("Fine", feeder="F-01", interval_s=300),
    meter("Coarse", interval_s=1800),
]


def virtual(meter_id: str, *terms: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return meter(meter_id, formulas=[{"terms": list(terms)}]) | changes


def part(meter_id: str, weight: float = 1, **more: Any) -> dict[str, Any]:
    return {"meter_id": meter_id, "weight": weight} | more


async def register(zone: Zone, *meters: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await zone.client.post("/v1/mdms/meters", json={"meters": list(meters)})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["meters"]
    return outcomes


async def hand_down(headquarters: Zone, edge: Zone) -> None:
    """Take the registry where it is read, as the link does."""
    page = await headquarters.client.get(
        "/v1/mdms/downlink",
        params={"after": 0},
        headers=headquarters.calls_as("zone-2", tenant="acme"),
    )
    assert page.status_code == 200, page.text
    held = edge.calls_as(edge.name, tenant="acme")
    taken = await edge.client.post("/v1/mdms/downlink", content=page.content,
                                   headers=held | {"content-type": "application/json"})  # fmt: skip
    assert taken.status_code == 200, taken.text


async def read(zone: Zone, meter_id: str, *, day: int = 1, **params: Any) -> dict[str, Any]:
    asked = {
        "meter_id": meter_id,
        "from": f"2026-01-{day:02}T00:00:00Z",
        "to": f"2026-01-{day:02}T01:00:00Z",
    }
    answer = await zone.client.get("/v1/mdms/readings", params=asked | params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def zones(headquarters: Zone, edge: Zone) -> tuple[Zone, Zone]:
    assert {one["outcome"] for one in await register(headquarters, *REAL)} == {"created"}
    return headquarters, edge


async def test_a_sum_has_a_value_where_every_part_has_one(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    both = virtual("Both", part("A"), part("B"))
    assert (await register(headquarters, both))[0]["outcome"] == "created"
    await hand_down(headquarters, edge)
    await send(edge, run("A", [1, 2, 3]), run("B", [10, 20], start="2026-01-01T00:15:00Z"))

    answer = await read(edge, "Both")

    [series] = answer["series"]
    assert series["final"] == [None, 12, 23, None]
    assert series["quality"] == [None, 11, 11, None]
    assert series["values"] == [None] * 4
    assert series["missing_parts"] == [1, 0, 0, 2]
    assert answer["source"] == "hot"
    assert "missing_parts" not in (await read(edge, "A"))["series"][0]


async def test_weights_registers_and_differences(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    net = virtual("Net", part("A"), part("A", -1, register=EXPORT), part("B", 0.5))
    await register(headquarters, net)
    await hand_down(headquarters, edge)
    await send(edge, run("A", [10]), run("A", [25], register=EXPORT), run("B", [3]))

    [series] = (await read(edge, "Net"))["series"]

    # -13.5, to the even watt-hour.
    assert series["final"][0] == -14


async def test_shorter_intervals_of_a_part_are_put_together(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    await register(headquarters, virtual("Mixed", part("A"), part("Fine")))
    await hand_down(headquarters, edge)
    await send(edge, run("A", [100, 100]), run("Fine", [1, 2, 3, 4, 5], interval_s=300))

    [series] = (await read(edge, "Mixed"))["series"]

    assert series["final"] == [106, None, None, None]
    assert series["missing_parts"] == [0, 1, 2, 2]


async def test_virtual_meters_of_virtual_meters_and_longer_intervals(
    zones: tuple[Zone, Zone],
) -> None:
    headquarters, edge = zones
    outcomes = await register(
        headquarters,
        virtual("Inner", part("A"), part("B", 2)),
        virtual("Outer", part("Inner", -1), part("A", 3)),
    )
    assert [one["outcome"] for one in outcomes] == ["created", "created"]
    await hand_down(headquarters, edge)
    await send(edge, run("A", [5, 6, 7, 8]), run("B", [1, 1, 1, 1]))

    [series] = (await read(edge, "Outer"))["series"]
    hours = await read(edge, "Outer", resample="3600")

    assert series["final"] == [8, 10, 12, 14]
    assert series["missing_parts"] == [0, 0, 0, 0]
    assert hours["meters"][0]["buckets"] == [
        {
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-01T01:00:00Z",
            "sum": 44,
            "intervals": 4,
            "missing": 0,
        }
    ]


async def test_a_formula_holds_from_its_day_on(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    formulas = [
        {"since": "2026-01-02T00:00:00Z", "terms": [part("A")]},
        {"since": "2026-01-03T00:00:00Z", "terms": [part("A"), part("B")]},
    ]
    await register(headquarters, meter("Dated", formulas=formulas))
    await hand_down(headquarters, edge)
    for day in (1, 2, 3):
        start = f"2026-01-{day:02}T00:00:00Z"
        await send(edge, run("A", [day], start=start), run("B", [10], start=start))

    found = [(await read(edge, "Dated", day=day))["series"][0]["final"][0] for day in (1, 2, 3)]

    assert found == [None, 2, 13]
    history = (await headquarters.client.get("/v1/mdms/meters/Dated")).json()
    assert [one["since_s"] for one in history["formulas"]] == [1767312000, 1767398400]


async def test_it_is_read_in_every_form_and_by_quality(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    await register(headquarters, virtual("Both", part("A"), part("B")))
    await hand_down(headquarters, edge)
    await send(edge, run("A", [1, 2]), run("B", [10, 20]))

    asked = {"meter_id": "Both", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}
    text = (await edge.client.get("/v1/mdms/readings", params=asked | {"format": "csv"})).text
    feed = await edge.client.get("/v1/mdms/readings", params=asked | {"format": "greenbutton"})
    derived = await read(edge, "Both", quality=11)
    actual = await read(edge, "Both", quality=0)

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["value"], row["final"], row["quality"]) for row in rows] == [
        ("", "11", "11"),
        ("", "22", "11"),
    ]
    assert feed.text.count("<espi:quality>11</espi:quality>") == 2
    assert derived["series"][0]["final"][:2] == [11, 22]
    assert actual["series"][0]["final"][:2] == [None, None]


async def test_headquarters_computes_from_the_record(zones: tuple[Zone, Zone]) -> None:
    headquarters, _ = zones
    await register(headquarters, virtual("Both", part("A"), part("B")))

    answer = await read(headquarters, "Both")

    assert answer["series"][0]["final"] == [None] * 4
    assert answer["series"][0]["missing_parts"] == [2] * 4


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (virtual("V", part("V")), "lead back"),
        (virtual("First", part("Second")), "lead back"),
        (virtual("V", part("nobody")), "nobody"),
        (virtual("V", part("Coarse")), "1800 s"),
        (virtual("V", part("B"), registers=[EXPORT]), "no register"),
        (virtual("V", part("B", register=EXPORT)), "no register"),
        (virtual("A", part("B")), "cannot become"),
        (meter("First"), "cannot become"),
        (virtual("V", part("A"), part("A")), "twice"),
        (
            meter("V", formulas=[{"terms": [part("A")], "since": "2026-01-01T06:00:00Z"}]),
            "midnight",
        ),
        (meter("V", formulas=[{"terms": [part("A")]}, {"terms": [part("B")]}]), "follow"),
    ],
)
async def test_what_cannot_be_computed_is_refused(
    zones: tuple[Zone, Zone], refused: dict[str, Any], why: str
) -> None:
    headquarters, _ = zones
    await register(headquarters, virtual("First", part("A")), virtual("Second", part("First")))

    [outcome] = await register(headquarters, refused)

    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "formula")
    assert why in outcome["detail"]


async def test_it_takes_no_readings_and_is_in_no_group(zones: tuple[Zone, Zone]) -> None:
    headquarters, edge = zones
    await register(headquarters, virtual("Both", part("A"), part("B"), feeder="F-01"))
    await hand_down(headquarters, edge)
    await send(edge, run("A", [1]), run("B", [10]))

    answer = await send(edge, run("Both", [5]))
    feeder = {"of": "feeder", "name": "F-01"} | {
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-01T01:00:00Z",
    }
    for zone in (edge, headquarters):
        sums = (await zone.client.get("/v1/mdms/aggregates", params=feeder)).json()
        assert sums["meters"] == 3

    assert answer["series"][0]["outcomes"][0]["reason"] == "unknown-meter"
