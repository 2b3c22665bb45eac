"""Headquarters: the registry and its history, entries from zones, the fold, reading back."""

from typing import Any

import httpx
import numpy as np
import pytest
import zstandard

from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry, encode_entries
from tests.integration.functions.readings import (
    IMPORT,
    eventually,
    final_values,
    meter,
    run,
    send,
)
from tests.integration.functions.zone import Zone
from tests.unit.functions.mdms.bodies import MIDNIGHT

UPLINK_TYPE = "application/x-gridfaas-uplink"


def entry(
    sequence: int, meter_id: str, values: list[int], *, edge: str = "zone-3a#1"
) -> UplinkEntry:
    batch = RunBatch(
        meters=[meter_id],
        registers=[IMPORT],
        run_meter=np.array([0], dtype=np.int32),
        run_register=np.array([0], dtype=np.uint8),
        run_interval_s=np.array([900], dtype=np.int32),
        run_start=np.array([MIDNIGHT], dtype=np.int64),
        run_length=np.array([len(values)], dtype=np.int32),
        values=np.array(values, dtype=np.int32),
        quality=np.zeros(len(values), dtype=np.uint8),
    )
    return UplinkEntry(edge, sequence, b"", batch.encode())


async def post(
    zone: Zone, *entries: UplinkEntry, key: str = "zone-2", **headers: str
) -> httpx.Response:
    return await zone.client.post(
        "/v1/mdms/uplink",
        content=zstandard.compress(encode_entries(list(entries))),
        headers={"Content-Type": UPLINK_TYPE, "Content-Encoding": "zstd"}
        | zone.calls_as(key, tenant="acme")
        | headers,
    )


async def register(zone: Zone, *meters: Any) -> dict[str, Any]:
    answered = await zone.client.post("/v1/mdms/meters", json={"meters": meters})
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def test_meters_are_judged_one_by_one(headquarters: Zone) -> None:
    first = await register(headquarters, meter("A"), meter("B"))
    second = await register(
        headquarters,
        meter("A"),
        meter("B", feeder="F-02"),
        meter("C", interval_s=7_000),
        meter("D", registers=["import"]),
        meter("E", time_zone="Mars/Olympus"),
        meter("F", colour="red"),
        meter("G"),
        meter("G"),
        meter("H", feeder="a\0b"),
        {},
        "I",
    )

    assert (first["created"], first["version"]) == (2, 2)
    assert [(one["meter_id"], one["outcome"], one.get("reason")) for one in second["meters"]] == [
        ("A", "unchanged", None),
        ("B", "changed", None),
        ("C", "rejected", "interval-size"),
        ("D", "rejected", "malformed"),
        ("E", "rejected", "time-zone"),
        ("F", "rejected", "malformed"),
        ("G", "created", None),
        ("G", "rejected", "repeated"),
        ("H", "rejected", "malformed"),
        (None, "rejected", "malformed"),
        (None, "rejected", "malformed"),
    ]
    assert second["version"] == 4


async def test_a_change_keeps_the_history(headquarters: Zone) -> None:
    await register(headquarters, meter("A", feeder="F-01"))
    await register(headquarters, meter("A", feeder="F-02"))

    found = (await headquarters.client.get("/v1/mdms/meters/A")).json()

    assert found["feeder"] == "F-02"
    assert [one["meter"]["feeder"] for one in found["history"]] == ["F-01", "F-02"]
    assert found["history"][0]["valid_to"] == found["history"][1]["valid_from"]


async def test_meters_are_listed_page_by_page(headquarters: Zone) -> None:
    await register(headquarters, *(meter(name) for name in "CABED"))

    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (
            await headquarters.client.get("/v1/mdms/meters", params={"limit": 2, "cursor": cursor})
        ).json()
        names += [one["meter_id"] for one in page["meters"]]
        cursor = page["next_cursor"]

    assert names == list("ABCDE")


async def test_an_unknown_meter_is_said(headquarters: Zone) -> None:
    answered = await headquarters.client.get("/v1/mdms/meters/X")

    assert answered.status_code == 404
    assert answered.json()["type"] == "urn:gridfaas:problem:unknown-meter"


async def test_entries_are_read_back_before_and_after_the_fold(headquarters: Zone) -> None:
    await register(headquarters, meter("A"))
    answered = await post(headquarters, entry(1, "A", [5, 6]), entry(2, "A", [5, 60]))

    before = await final_values(headquarters, "A", count=3)

    async def folded() -> bool:
        metrics = (await headquarters.client.get("/metrics")).text
        return 'folded_entries_total{tenant="acme",zone="zone-1"} 2.0' in metrics

    await eventually(folded)
    after = await final_values(headquarters, "A", count=3)

    assert answered.json() == {"acknowledged": 2, "any_order": True}
    assert before == after == [5, 60, None]


async def test_a_resent_uplink_is_harmless(headquarters: Zone) -> None:
    await register(headquarters, meter("A"))
    await post(headquarters, entry(1, "A", [5]), entry(2, "A", [6]))

    again = await post(headquarters, entry(1, "A", [5]), entry(2, "A", [6]))

    assert again.json()["acknowledged"] == 2
    assert await final_values(headquarters, "A", count=1) == [6]


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug"),
    [
        pytest.param(b"\x93", {}, 400, "malformed-body", id="not_zstd"),
        pytest.param(
            zstandard.compress(b"\x81"), {}, 400, "malformed-body", id="zstd_of_something_else"
        ),
        pytest.param(
            zstandard.compress(bytes(80 * 1024 * 1024)), {}, 413, "body-too-large", id="a_bomb"
        ),
        pytest.param(
            b"[]", {"Content-Type": "application/json"}, 415, "unsupported-media-type", id="json"
        ),
    ],
)
async def test_an_uplink_body_that_cannot_be_taken(
    headquarters: Zone, content: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    answered = await headquarters.client.post(
        "/v1/mdms/uplink",
        content=content,
        headers={"Content-Type": UPLINK_TYPE, "Content-Encoding": "zstd"}
        | headquarters.calls_as("zone-2", tenant="acme")
        | headers,
    )

    assert answered.status_code == status
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def test_only_zones_may_use_the_ways_between_zones(headquarters: Zone) -> None:
    tenant = headquarters.calls_as("acme")
    refused = [
        await post(headquarters, entry(1, "A", [5]), key="acme"),
        await headquarters.client.get("/v1/mdms/downlink?after=0", headers=tenant),
        await headquarters.client.post("/v1/mdms/downlink", json={}, headers=tenant),
    ]

    assert [answered.status_code for answered in refused] == [403, 403, 403]


@pytest.mark.parametrize(
    ("key", "edge"),
    [
        pytest.param("zone-3a", "zone-3b#1", id="a_neighbour"),
        pytest.param("zone-3a", "zone-2#1", id="its_parent"),
        pytest.param("zone-2", "zone-3z#1", id="nobody"),
        pytest.param("zone-2", "zone-3a#1#2", id="no_edge"),
        pytest.param("zone-2", "zone-3a\n", id="unprintable"),
    ],
)
async def test_a_zone_brings_no_entries_of_edges_that_are_not_its_own(
    headquarters: Zone, fog: Zone, key: str, edge: str
) -> None:
    await register(headquarters, meter("A"))
    for parent in (headquarters, fog):
        own = entry(1, "A", [5], edge=f"{key}#1")
        answered = await post(parent, own, entry(2**53, "A", [6], edge=edge), key=key)

        problem = answered.json()
        assert (answered.status_code, problem["edge"]) == (403, edge)
        assert problem["type"] == "urn:gridfaas:problem:forbidden"
    assert await final_values(headquarters, "A", count=1) == [None]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/mdms/readings"),
        ("POST", "/v1/mdms/readings"),
        ("GET", "/v1/mdms/events"),
        ("GET", "/v1/mdms/revisions"),
        ("GET", "/v1/mdms/meters"),
        ("POST", "/v1/mdms/meters"),
        ("GET", "/v1/mdms/meters/A"),
        ("GET", "/v1/mdms/downlink/"),
        ("GET", "/openapi.json"),
    ],
)
async def test_a_zones_key_opens_the_link_only(
    headquarters: Zone, edge: Zone, method: str, path: str
) -> None:
    for zone in (headquarters, edge):
        answered = await zone.client.request(
            method, path, json={"meters": []}, headers=zone.calls_as("zone-2", tenant="acme")
        )

        assert answered.status_code == 403
        assert answered.json()["type"] == "urn:gridfaas:problem:forbidden"
        assert "link" in answered.json()["detail"]


async def test_a_neighbours_entries_count_whatever_another_zone_said(headquarters: Zone) -> None:
    await register(headquarters, meter("A"))
    await post(headquarters, entry(2**53, "A", [5], edge="zone-3b#1"), key="zone-3a")
    await post(headquarters, entry(2**53, "A", [6], edge="zone-3a#1"), key="zone-3a")

    taken = await post(headquarters, entry(7, "A", [9], edge="zone-3b#1"), key="zone-2")

    assert taken.json()["acknowledged"] == 1
    await post(headquarters, entry(8, "A", [3, 4], edge="zone-3a#2"), key="zone-2")
    assert await final_values(headquarters, "A", count=2) == [6, 4]


async def test_readings_enter_at_the_first_hop_only(headquarters: Zone) -> None:
    answered = await headquarters.client.post("/v1/mdms/readings", json={"series": [run("A", [5])]})

    problem = answered.json()
    assert answered.status_code == 404
    assert problem["type"] == "urn:gridfaas:problem:not-in-this-zone"
    assert problem["tiers"] == [3]


async def test_the_registry_travels_down_page_by_page(headquarters: Zone, edge: Zone) -> None:
    await register(headquarters, *(meter(name) for name in "ABCDE"))
    pages = 0
    complete = False
    while not complete:
        held = (
            await edge.client.get(
                "/v1/mdms/downlink/version", headers=edge.calls_as("zone-3a", tenant="acme")
            )
        ).json()["version"]
        page = await headquarters.client.get(
            "/v1/mdms/downlink",
            params={"after": held, "limit": 2},
            headers=headquarters.calls_as("zone-2", tenant="acme"),
        )
        taken = await edge.client.post(
            "/v1/mdms/downlink",
            content=page.content,
            headers={"Content-Type": "application/json"} | edge.calls_as("zone-3a", tenant="acme"),
        )
        pages += 1
        complete = taken.json()["complete"]

    answer = await send(edge, *(run(name, [1]) for name in "ABCDE"))

    assert pages == 3
    assert answer["accepted"] == 5


async def test_only_a_page_without_changes_holds_until_a_write(headquarters: Zone) -> None:
    calls = headquarters.calls_as("zone-2", tenant="acme")
    await register(headquarters, meter("A"))

    changes = await headquarters.client.get("/v1/mdms/downlink?after=0", headers=calls)
    version = changes.json()["version"]
    none = await headquarters.client.get(f"/v1/mdms/downlink?after={version}", headers=calls)

    assert [len(answer.json()["meters"]) for answer in (changes, none)] == [1, 0]
    assert "x-gridfaas-unchanged" not in changes.headers
    assert none.headers["x-gridfaas-unchanged"] == "until-write"


async def test_a_page_that_would_leave_a_hole_is_refused(edge: Zone) -> None:
    answered = await edge.client.post(
        "/v1/mdms/downlink",
        json={"after": 7, "version": 9, "complete": True, "meters": []},
        headers=edge.calls_as("zone-3a", tenant="acme"),
    )

    assert answered.status_code == 409
    assert answered.json()["version"] == 0


async def test_a_changed_length_opens_a_second_block_and_may_not_overlap_the_first(
    headquarters: Zone,
) -> None:
    await register(headquarters, meter("A"))
    await post(headquarters, entry(1, "A", [5, 6, 7, 8]))

    too_early = await register(
        headquarters, meter("A", interval_s=1_800, interval_since="2026-01-01T00:30:00Z")
    )
    [refused] = too_early["meters"]
    assert (refused["outcome"], refused["reason"]) == ("rejected", "interval-size")
    assert "2026-01-01T01:00:00Z" in refused["detail"]

    changed = await register(
        headquarters, meter("A", interval_s=1_800, interval_since="2026-01-01T01:00:00Z")
    )
    assert changed["changed"] == 1
    asked = {"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}
    first = (await headquarters.client.get("/v1/mdms/readings", params=asked)).json()
    assert (first["interval_s"], first["to"]) == (900, "2026-01-01T01:00:00Z")
    assert first["series"][0]["final"] == [5, 6, 7, 8]
    second = (
        await headquarters.client.get(
            "/v1/mdms/readings", params=asked | {"cursor": first["next_cursor"]}
        )
    ).json()
    assert (second["interval_s"], second["from"]) == (1_800, "2026-01-01T01:00:00Z")
    assert second["series"][0]["final"] == [None, None]
    assert second["next_cursor"] is None
