"""Readings at the edge: what is answered, what is stored, what is refused."""

import gzip
import json
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import zstandard

from storage.hot.connection import connect
from tests.integration.functions.readings import (
    eventually,
    final_values,
    hold_meters,
    meter,
    run,
    send,
)
from tests.integration.functions.zone import Zone, open_zone, provision_hot
from tests.unit.functions.mdms.arrow_streams import stream_of

BOMB = gzip.compress(bytes(33 * 1024 * 1024))
COUNTS = ("accepted", "duplicate", "corrected", "rejected")


async def taken(zone: Zone, series: dict[str, Any]) -> bool:
    return not (await send(zone, series))["rejected"]


def counts(answer: dict[str, Any]) -> tuple[int, ...]:
    return tuple(answer[name] for name in COUNTS)


@pytest.fixture(params=[True, False], ids=["whole", "in-pieces"])
async def zone(edge: Zone, request: pytest.FixtureRequest) -> Zone:
    """Both ways to a worker: the short one, which most calls take, and ASGI."""
    edge.entrance.whole = request.param
    await hold_meters(edge, "A", "B")
    return edge


async def test_readings_can_be_read_back(zone: Zone) -> None:
    answer = await send(zone, run("A", [5, 6, 7], quality=14))

    answered = await zone.client.get(
        "/v1/mdms/readings",
        params={"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"},
    )

    assert counts(answer) == (3, 0, 0, 0)
    assert answered.json() == {
        "meter_id": "A",
        "register": "1-0:1.8.0",
        "interval_s": 900,
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-01T01:00:00Z",
        "series": [
            {
                "start": "2026-01-01T00:00:00Z",
                "values": [5, 6, 7, None],
                "final": [5, 6, 7, None],
                "quality": [14, 14, 14, None],
                "revision": [0, 0, 0, None],
                "source": "hot",
                "zone": "zone-3a",
            }
        ],
        "source": "hot",
        "next_cursor": None,
    }


async def test_a_resent_body_is_duplicate_and_a_correction_stays(zone: Zone) -> None:
    first = await send(zone, run("A", [5, 6]))
    again = await send(zone, run("A", [5, 6]))
    corrected = await send(zone, run("A", [5, 60]))
    old_again = await send(zone, run("A", [5, 6]))

    assert [counts(one) for one in (first, again, corrected, old_again)] == [
        (2, 0, 0, 0),
        (0, 2, 0, 0),
        (0, 1, 1, 0),
        (0, 2, 0, 0),
    ]
    assert await final_values(zone, "A", count=2) == [5, 60]


async def test_a_body_may_name_a_slot_twice(zone: Zone) -> None:
    answer = await send(zone, run("A", [5]), run("A", [6]))

    assert counts(answer) == (1, 0, 1, 0)
    assert await final_values(zone, "A", count=1) == [6]


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        pytest.param(run("X", [1]), "unknown-meter", id="unknown_meter"),
        pytest.param(run("A", [1], register="1-0:2.8.0"), "unknown-register", id="register"),
        pytest.param(run("A", [1], interval_s=60), "interval-size", id="interval"),
        pytest.param(run("A", [1], start="2026-01-01T00:00:00.5Z"), "sub-second", id="half_a_s"),
        pytest.param(run("A", [1], start="2199-01-01T00:00:00Z"), "future", id="future"),
        pytest.param(run("A", [1], start="1999-01-01T00:00:00Z"), "stale", id="stale"),
        pytest.param(run("A", [2**31]), "value-range", id="too_large"),
        pytest.param(run("A", [-1]), "negative-consumption", id="negative"),
        pytest.param(run("A", [1], quality=1), "unknown-quality", id="quality"),
        pytest.param(run("A", ["1"]), "wrong-type", id="text"),
        pytest.param(run("A", [1], start="now"), "malformed-series", id="no_time"),
    ],
)
async def test_a_bad_reading_is_named_and_does_not_cost_the_good_ones(
    zone: Zone, series: dict[str, Any], reason: str
) -> None:
    answer = await send(zone, run("A", [5]), series, run("B", [7]))

    bad = answer["series"][1]["outcomes"]
    assert [(one["from"], one["count"], one["outcome"], one["reason"]) for one in bad] == [
        (0, 1, "rejected", reason)
    ]
    assert counts(answer) == (2, 0, 0, 1)
    assert await final_values(zone, "A", count=1) == [5]
    assert await final_values(zone, "B", count=1) == [7]


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug"),
    [
        pytest.param(b"{", {}, 400, "malformed-body", id="no_json"),
        pytest.param(b"{}", {}, 400, "malformed-body", id="no_series"),
        pytest.param(b"{}", {"content-type": "text/xml"}, 415, "unsupported-media-type", id="xml"),
        pytest.param(b"{}", {"content-encoding": "br"}, 415, "unsupported-media-type", id="brotli"),
        pytest.param(b"{}", {"content-encoding": "gzip"}, 400, "malformed-body", id="no_gzip"),
        pytest.param(BOMB, {"content-encoding": "gzip"}, 413, "body-too-large", id="bomb"),
        pytest.param(b"a,b\n", {"content-type": "text/csv"}, 400, "malformed-body", id="columns"),
        pytest.param(b" " * (8 * 1024 * 1024 + 1), {}, 413, "body-too-large", id="too_long"),
    ],
)
async def test_bodies_that_are_refused_as_a_whole(
    zone: Zone, content: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    answered = await zone.client.post(
        "/v1/mdms/readings",
        content=content,
        headers={"content-type": "application/json"} | headers,
    )

    problem = answered.json()
    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:gridfaas:problem:{slug}"
    assert problem["request_id"] == "req-1"


READING = {
    "meter_id": "A",
    "register": "1-0:1.8.0",
    "at": "2026-01-01T00:00:00Z",
    "value": 5,
    "interval_s": 900,
}
LINES = b"\n".join([json.dumps(READING).encode(), b"{", json.dumps(READING).encode()])
CSV = b"meter_id;register;at;value;interval_s\r\n" + b"\r\n".join(
    [b"A;1-0:1.8.0;2026-01-01T00:00:00Z;5;900", b"A", b"A;1-0:1.8.0;2026-01-01T00:00:00Z;5;900"]
)
ARROW = stream_of([READING, READING | {"meter_id": None}, READING])


@pytest.mark.parametrize(
    ("media_type", "body", "detail"),
    [
        pytest.param("application/x-ndjson", LINES, "line 2: ", id="ndjson"),
        pytest.param("text/csv; charset=utf-8", CSV, "line 3: ", id="csv"),
        pytest.param("application/vnd.apache.arrow.stream", ARROW, "`meter_id`", id="arrow"),
    ],
)
@pytest.mark.parametrize(
    ("coding", "encode"),
    [("identity", bytes), ("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
async def test_a_body_of_any_form_and_coding_is_taken_and_answered_as_a_list(
    zone: Zone,
    media_type: str,
    body: bytes,
    detail: str,
    coding: str,
    encode: Callable[[bytes], bytes],
) -> None:
    answered = await zone.client.post(
        "/v1/mdms/readings",
        content=encode(body),
        headers={"content-type": media_type, "content-encoding": coding},
    )

    answer = answered.json()
    assert answered.status_code == 200
    assert counts(answer) == (1, 1, 0, 1)
    assert [(one["from"], one["outcome"]) for one in answer["outcomes"]] == [
        (0, "accepted"),
        (1, "rejected"),
        (2, "duplicate"),
    ]
    assert answer["outcomes"][1]["detail"].startswith(detail)
    assert await final_values(zone, "A", count=1) == [5]


async def test_malformed_json_says_where(zone: Zone) -> None:
    answered = await zone.client.post(
        "/v1/mdms/readings",
        content=b'{"series": [}',
        headers={"content-type": "application/json"},
    )

    assert "byte 12" in answered.json()["detail"]


@pytest.mark.parametrize("limit", ["uplink_limit_bytes", "memory_limit_bytes"])
async def test_a_full_uplink_or_memory_is_said_with_a_time_to_retry(
    opened: AsyncExitStack, redis_url: str, limit: str
) -> None:
    await provision_hot(redis_url)
    zone = await open_zone(
        opened,
        name="zone-3a",
        tier=3,
        redis_url=redis_url,
        settings={limit: 100},
    )
    await hold_meters(zone, "A")

    answered = await zone.client.post("/v1/mdms/readings", json={"series": [run("A", [5])]})

    assert answered.status_code == 503
    assert answered.json()["type"] == "urn:gridfaas:problem:store-full"
    assert int(answered.headers["retry-after"]) > 0
    assert await final_values(zone, "A", count=1) == [None]


async def test_tenants_do_not_see_each_other(zone: Zone) -> None:
    await hold_meters(zone, "A", tenant="bolt")
    await send(zone, run("A", [5]))
    await send(zone, run("A", [500]), tenant="bolt")

    assert await final_values(zone, "A", count=1) == [5]
    assert await final_values(zone, "A", count=1, tenant="bolt") == [500]


async def test_the_registry_is_followed_without_a_restart(zone: Zone) -> None:
    before = await send(zone, run("C", [1]))
    page = {"after": 2, "version": 3, "complete": True, "meters": [meter("C", version=3)]}
    await zone.client.post(
        "/v1/mdms/downlink", json=page, headers=zone.calls_as("zone-3a", tenant="acme")
    )
    listed = await zone.client.get("/v1/mdms/meters", params={"limit": 2})

    assert counts(before) == (0, 0, 0, 1)
    # The worker asks the store again at a bounded rate only.
    await eventually(partial(taken, zone, run("C", [1])))
    assert await final_values(zone, "C", count=1) == [1]
    assert [one["meter_id"] for one in listed.json()["meters"]] == ["A", "B"]


async def test_an_entry_waits_for_the_parent_with_each_acknowledged_body(
    zone: Zone, redis_url: str
) -> None:
    await send(zone, run("A", [5]))
    await send(zone, run("A", [5]))

    admin = connect(redis_url, max_connections=1)
    waiting = await admin.call("XLEN", "up:acme")
    await admin.aclose()

    assert waiting == 1


async def test_writes_to_the_registry_belong_to_headquarters(zone: Zone) -> None:
    answered = await zone.client.post("/v1/mdms/meters", json={"meters": [meter("C")]})

    problem = answered.json()
    assert answered.status_code == 404
    assert problem["type"] == "urn:gridfaas:problem:not-in-this-zone"
    assert problem["tiers"] == [1]


@pytest.mark.parametrize(
    ("params", "status", "slug"),
    [
        pytest.param({"meter_id": "X"}, 404, "unknown-meter", id="unknown_meter"),
        pytest.param({"register": "1-0:2.8.0"}, 404, "unknown-register", id="unknown_register"),
        pytest.param({"to": "2025-01-01T00:00:00Z"}, 400, "malformed-request", id="backwards"),
        pytest.param({"to": "2029-01-01T00:00:00Z"}, 400, "malformed-request", id="too_long"),
        pytest.param({"from": "2026-01-01T00:00:00"}, 400, "malformed-request", id="no_zone"),
        pytest.param({"cursor": "?"}, 400, "malformed-request", id="cursor"),
        pytest.param({"limit": "0"}, 400, "malformed-request", id="limit"),
    ],
)
async def test_queries_that_cannot_be_answered(
    zone: Zone, params: dict[str, str], status: int, slug: str
) -> None:
    asked = {"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}

    answered = await zone.client.get("/v1/mdms/readings", params=asked | params)

    assert answered.status_code == status
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def test_metrics_count_outcomes_and_reasons(zone: Zone) -> None:
    await send(zone, run("A", [5, -6]))

    text = (await zone.client.get("/metrics")).text

    labels = 'tenant="acme",zone="zone-3a"'
    assert f'gridfaas_mdms_readings_total{{outcome="accepted",{labels}}} 1.0' in text
    assert f'gridfaas_mdms_rejected_total{{reason="negative-consumption",{labels}}} 1.0' in text
    assert f"gridfaas_mdms_registry_version{{{labels}}} 2.0" in text
    (memory,) = re.findall(rf"gridfaas_mdms_memory_bytes{{{labels}}} (\S+)", text)
    assert float(memory) > 96 * 12
    assert f"gridfaas_mdms_uplink_limit_bytes{{{labels}}}" in text
    assert "tail_entries" not in text


async def test_metrics_count_bodies_refused_as_a_whole(zone: Zone) -> None:
    await zone.client.post("/v1/mdms/readings", json=[])

    text = (await zone.client.get("/metrics")).text

    assert 'gridfaas_mdms_refused_total{problem="malformed-body",tenant="acme",' in text


async def test_the_document_describes_every_route(zone: Zone) -> None:
    document = (await zone.client.get("/openapi.json")).json()

    assert set(document["paths"]["/v1/mdms/readings"]) == {"get", "post"}
    assert {"/v1/mdms/events", "/v1/mdms/revisions"} <= set(document["paths"])
    assert document["paths"]["/v1/mdms/uplink"]["post"]["responses"]["200"]
    referred = document["paths"]["/v1/mdms/readings"]["post"]["requestBody"]["content"]
    name = referred["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert name in document["components"]["schemas"]
