"""`/v1/usage` at headquarters over a real ledger, as the platform's people and a tenant see it."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.servers.postgres import query
from gateway.control.entry import ControlEntry
from gateway.control.usage_example import CSV, USAGE
from gateway.control.usage_models import Usage
from storage.platform.ledger.batch import pack_frames, read_batch
from storage.platform.ledger.record import StorageSample
from storage.platform.ledger.segment import frame
from storage.platform.registry import open_registry
from tests.integration.gateway.zone import (
    ACME,
    ADMIN,
    KEYS,
    ZONES,
    ZoneUnderTest,
    key_entry,
)
from tests.unit.storage.platform.ledger.records import record

ACME_ADMIN = "gf_acme_admin"
OCTOBER_3 = int(datetime(2026, 10, 3, tzinfo=UTC).timestamp() * 1e6)
GB = 10**9


@pytest.fixture
def headquarters(folder: Path, database_url: str) -> Iterator[ZoneUnderTest]:
    calls = [record(n, at_us=OCTOBER_3 + n, run_us=2_000, bytes_out=GB) for n in range(5)]
    moved = record(6, at_us=OCTOBER_3, role="zone", caller_zone="zone-3b", bytes_in=GB)
    sample = StorageSample(
        at_us=OCTOBER_3, tenant="acme", zone="zone-3a", store="hot", bytes=3 * GB // 2
    )
    frames = b"".join(map(frame, [*calls, moved, sample, record(7, tenant="beta")]))
    batch = read_batch(zone="zone-3a", segment="1.ledger", offset=0, body=pack_frames(frames))

    async def fill() -> None:
        async with open_registry(database_url) as registry:
            await registry.zones.record(ZONES)
            for slug in ("acme", "beta"):
                await registry.tenants.create(slug=slug, name=slug, zones=["zone-3a"])
            await registry.ledger.append(batch)

    asyncio.run(fill())
    zone = ZoneUnderTest(folder, tier=1, zone="zone-1")
    zone.publish(version=5, keys=[*KEYS, key_entry(ACME_ADMIN, "tenant-admin", tenant="acme")])
    (zone.secrets / "database_url").write_text(database_url)
    try:
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        yield zone
    finally:
        zone.close()


def test_a_tenant_sees_its_month(headquarters: ZoneUnderTest) -> None:
    answer = headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN)

    assert answer.status == 200
    usage = answer.json
    assert usage["records"] == {"total": 6, "billed": 5, "link": 1, "platform": 0, "refused": 0}
    (function,) = usage["functions"]
    assert (function["invocations"], function["gb_seconds"]) == (5, "0.0025")
    (link,) = usage["links"]
    assert (link["lower"], link["upper"], link["bytes"]) == ("zone-3b", "zone-3a", GB + 5)
    assert usage["stored"][0]["gb_hours"] == "1.5"
    amounts = {line["unit"]: line["amount"] for line in usage["invoice"]["lines"]}
    assert amounts["gb_out"] == "0.20"
    assert amounts["hot_gb_hours"] == "0.02"
    assert usage["invoice"]["total"] == "0.22"
    asked_by_us = headquarters.call("GET", "/v1/usage?tenant=acme&month=2026-10", key=ADMIN)
    assert asked_by_us.json == usage


def test_the_month_as_csv_has_the_same_figures(headquarters: ZoneUnderTest) -> None:
    answer = headquarters.call("GET", "/v1/usage?month=2026-10&format=csv", key=ACME_ADMIN)

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert {row["tenant"] for row in rows} == {"acme"}
    by_part = {(row["part"], row["unit"]): row for row in rows}
    assert by_part["used", "invocations"]["quantity"] == "5"
    assert by_part["moved", "bytes"]["origin"] == "zone-3b"
    assert by_part["line", "gb_out"]["amount"] == "0.20"
    assert by_part["total", ""]["amount"] == "0.22"


@pytest.mark.parametrize(
    ("path", "key", "problem"),
    [
        ("/v1/usage?tenant=beta", ACME_ADMIN, (403, "forbidden")),
        ("/v1/usage", ACME, (403, "forbidden")),
        ("/v1/usage", ADMIN, (400, "malformed-request")),
        ("/v1/usage?tenant=nobody", ADMIN, (404, "unknown-tenant")),
        ("/v1/usage?month=2026-13", ACME_ADMIN, (400, "malformed-request")),
        ("/v1/usage?month=november", ACME_ADMIN, (400, "malformed-request")),
        ("/v1/usage?month=2020-01", ACME_ADMIN, (409, "no-price-list")),
        ("/v1/usage?format=xml", ACME_ADMIN, (400, "malformed-request")),
        ("/v1/usage", "gf_unknown", (401, "unauthenticated")),
    ],
)
def test_what_is_refused(
    headquarters: ZoneUnderTest, path: str, key: str, problem: tuple[int, str]
) -> None:
    assert headquarters.call("GET", path, key=key).problem() == problem


def close(zone: ZoneUnderTest, month: str, *, key: str = ADMIN) -> tuple[int, dict[str, object]]:
    answer = zone.call(
        "POST",
        "/v1/usage/close",
        key=key,
        body=json.dumps({"tenant": "acme", "month": month}),
        headers={"Content-Type": "application/json"},
    )
    return answer.status, answer.json


def test_a_month_is_closed_once_and_then_stays(headquarters: ZoneUnderTest) -> None:
    assert close(headquarters, "2026-10", key=ACME_ADMIN)[0] == 403
    status, closed = close(headquarters, "2026-10")

    assert (status, closed["closed_at"] is not None) == (200, True)
    assert close(headquarters, "2026-10") == (200, closed)
    shown = headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN).json
    assert shown == closed


def test_a_month_that_runs_is_not_closed(headquarters: ZoneUnderTest) -> None:
    status, said = close(headquarters, "2999-01")

    assert (status, said["type"]) == (409, "urn:gridfaas:problem:month-not-over")


def test_a_ledger_that_was_never_counted_is_counted_when_asked(
    headquarters: ZoneUnderTest, database_url: str
) -> None:
    before = headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN).json
    for statement in (
        "DELETE FROM platform.usage_days",
        "DELETE FROM platform.storage_samples",
        "UPDATE platform.ledger SET counted = false",
    ):
        query(database_url, statement)

    assert headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN).json == before


def test_sums_are_dropped_and_made_again(headquarters: ZoneUnderTest, database_url: str) -> None:
    before = headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN).json

    assert headquarters.call("POST", "/v1/usage/recount", key=ACME_ADMIN).status == 403
    assert headquarters.call("POST", "/v1/usage/recount", key=ADMIN).status == 204
    assert query(database_url, "SELECT * FROM platform.usage_days") == []
    assert headquarters.call("GET", "/v1/usage?month=2026-10", key=ACME_ADMIN).json == before


def test_a_zone_below_has_no_bills(folder: Path) -> None:
    zone = ZoneUnderTest(folder)
    zone.publish(version=5, keys=[*KEYS, key_entry(ACME_ADMIN, "tenant-admin", tenant="acme")])
    try:
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        answer = zone.call("GET", "/v1/usage", key=ACME_ADMIN)
    finally:
        zone.close()

    assert answer.problem() == (404, "not-in-this-zone")


def test_the_interface_describes_it_with_examples_that_hold(headquarters: ZoneUnderTest) -> None:
    paths = headquarters.call("GET", "/openapi.json", key=None).json["paths"]

    content = paths["/v1/usage"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["example"] == USAGE
    assert content["text/csv"]["example"] == CSV
    assert Usage.model_validate(USAGE).model_dump(mode="json") == USAGE
    assert paths.keys() >= ControlEntry.PATHS
