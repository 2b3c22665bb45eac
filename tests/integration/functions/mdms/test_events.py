"""Lists, register reads and late clocks from the edge to the record, over real stores."""

from typing import Any

import httpx
import pytest
import zstandard

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.stamp import zone_of_edge
from storage.model.traffic import READING_QUEUES
from storage.model.uplink import UplinkEntry, encode_entries
from tests.integration.functions.readings import final_values, hold_meters, meter, run, send
from tests.integration.functions.zone import Zone, provision_hot
from tests.unit.functions.mdms.bodies import reading

LATE = "2026-01-01T00:15:07Z"
DAY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


async def send_list(zone: Zone, *readings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answered = await zone.client.post(
        "/v1/mdms/readings", json={"readings": readings} | changes, headers=zone.calls_as("acme")
    )
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def get(zone: Zone, what: str, **asked: Any) -> httpx.Response:
    return await zone.client.get(f"/v1/mdms/{what}", params={"meter_id": "A"} | DAY | asked)


async def events(zone: Zone, **asked: Any) -> list[tuple[str, int, int]]:
    answered = await get(zone, "events", **asked)
    assert answered.status_code == 200, answered.text
    return [(one["at"], one["interval_s"], one["final"]) for one in answered.json()["events"]]


async def carry(redis_url: str, *parents: Zone) -> int:
    """Hand everything that waits at the edge to its parents, as the link does."""
    link = connect(await provision_hot(redis_url))
    uplink = Uplink(link)
    entries: list[UplinkEntry] = [
        one.entry
        for queue in READING_QUEUES
        for one in await uplink.pending("acme", queue, max_bytes=1 << 30, max_entries=1_000)
    ]
    await link.aclose()
    for parent in parents:
        answered = await parent.client.post(
            "/v1/mdms/uplink",
            content=zstandard.compress(encode_entries(entries)),
            headers={
                "Content-Type": "application/x-gridfaas-uplink",
                "Content-Encoding": "zstd",
            }
            | parent.calls_as("zone-3a", tenant="acme"),
        )
        assert answered.json()["acknowledged"] == len(entries), answered.text
    return len(entries)


@pytest.fixture
async def zone(edge: Zone) -> Zone:
    await hold_meters(edge, "A", "B")
    return edge


async def test_a_list_is_answered_reading_by_reading_and_read_back(zone: Zone) -> None:
    answer = await send_list(
        zone,
        reading("A", 11),
        reading("A", 12, at=LATE),
        reading("A", 81_250_400, at=LATE, interval_s=0),
        reading("X", 1),
        reading("B", "1"),
        interval_s=900,
    )

    assert [answer[name] for name in ("accepted", "duplicate", "corrected", "rejected")] == [
        3,
        0,
        0,
        2,
    ]
    assert [
        (one["from"], one["count"], one["outcome"], one.get("reason")) for one in answer["outcomes"]
    ] == [
        (0, 3, "accepted", None),
        (3, 1, "rejected", "unknown-meter"),
        (4, 1, "rejected", "malformed-reading"),
    ]
    assert await final_values(zone, "A", count=2) == [11, None]
    answered = (await get(zone, "events")).json()
    assert answered == {
        "meter_id": "A",
        "register": "1-0:1.8.0",
        **DAY,
        "events": [
            {
                "at": LATE,
                "interval_s": interval_s,
                "value": value,
                "final": value,
                "quality": 0,
                "revision": 0,
            }
            for interval_s, value in ((0, 81_250_400), (900, 12))
        ],
        "source": "hot",
        "next_cursor": None,
    }


async def test_events_page_to_the_end(zone: Zone) -> None:
    await send_list(zone, *(reading("A", n, at=f"2026-01-01T00:00:{n:02}Z") for n in range(1, 8)))

    found, cursor = [], None
    for _ in range(4):
        asked = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        answered = (await get(zone, "events", **asked)).json()
        found += [one["value"] for one in answered["events"]]
        cursor = answered["next_cursor"]
        if cursor is None:
            break

    assert found == list(range(1, 8))
    assert cursor is None


@pytest.mark.parametrize(
    ("asked", "status", "slug"),
    [
        pytest.param({"meter_id": "X"}, 404, "unknown-meter", id="meter"),
        pytest.param({"register": "1-0:2.8.0"}, 404, "unknown-register", id="register"),
        pytest.param({"to": DAY["from"]}, 400, "malformed-request", id="an_empty_period"),
        pytest.param({"cursor": "MTA"}, 400, "malformed-request", id="a_cursor_of_another_query"),
        pytest.param({"limit": 0}, 400, "malformed-request", id="no_page"),
    ],
)
async def test_what_cannot_be_asked_is_said(
    zone: Zone, asked: dict[str, Any], status: int, slug: str
) -> None:
    answered = await get(zone, "events", **asked)

    assert answered.status_code == status
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def test_revisions_are_headquarters_business(zone: Zone) -> None:
    answered = await get(zone, "revisions")

    assert answered.status_code == 404
    assert answered.json()["type"] == "urn:gridfaas:problem:not-in-this-zone"
    assert answered.json()["tiers"] == [1]


async def test_events_and_what_they_replaced_reach_the_record(
    zone: Zone, fog: Zone, headquarters: Zone, redis_url: str
) -> None:
    await hold_meters(fog, "A", "B")
    registered = await headquarters.client.post(
        "/v1/mdms/meters", json={"meters": [meter("A"), meter("B")]}
    )
    assert registered.json()["created"] == 2
    await send(zone, run("A", [5, 6]), run("A", [7], start=LATE))
    await send_list(zone, reading("A", 1_000, at=LATE), reading("A", 12, at=LATE, interval_s=900))
    await send_list(zone, reading("A", 60, at="2026-01-01T00:15:00Z"), interval_s=900)
    await send_list(zone, reading("A", 1_001, at=LATE, quality=7))
    await send_list(zone, reading("A", 999, at=LATE))
    held = [(LATE, 0, 1_001), (LATE, 900, 12)]
    assert await events(zone) == held

    sent = await carry(redis_url, fog, headquarters)

    assert sent == 6
    assert await events(fog) == held
    assert await events(headquarters) == held
    assert await final_values(headquarters, "A", count=2) == [5, 60]
    answered = (await get(headquarters, "revisions")).json()
    assert [
        (one["at"], one["interval_s"], one["value"], one["quality"], zone_of_edge(one["edge"]))
        for one in answered["revisions"]
    ] == [
        ("2026-01-01T00:15:00Z", 900, 6, 0, "zone-3a"),
        (LATE, 0, 1_000, 0, "zone-3a"),
        (LATE, 0, 999, 0, "zone-3a"),
        (LATE, 900, 7, 0, "zone-3a"),
    ]
    assert answered["next_cursor"] is None
    first = (await get(headquarters, "revisions", limit=1)).json()
    rest = await get(headquarters, "revisions", cursor=first["next_cursor"])
    assert first["revisions"] + rest.json()["revisions"] == answered["revisions"]
