"""What a tenant sees of its tiers: status, policy, why a block is where it is, a run, metrics."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from storage.cold.archive.moving import (
    ArchiveRefused,
    archive,
    opened_record,
    parts_before,
)
from storage.cold.engine import connect
from storage.cold.walls import tenant_role
from tests.integration.functions.readings import IMPORT, eventually, run
from tests.integration.functions.tiering.conftest import Tiers
from tests.integration.functions.tiering.test_recall import WHOLE, demote, read, send
from tests.integration.functions.tiering.tier_zone import TENANT, TierZone

BLOCK = {"meter_id": "A", "day": "2026-01-01"}


async def get(zone: TierZone, path: str, **params: Any) -> dict[str, Any]:
    answered = await zone.client.get(path, params=params)
    assert answered.status_code == 200, answered.text
    answer: dict[str, Any] = answered.json()
    return answer


async def exposed(zone: TierZone, service: str) -> str:
    """The service's own metrics, which its worker answers without the gateway."""
    transport = httpx.ASGITransport(zone.entrance.services[service])
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        return (await client.get("/metrics")).text


async def test_a_dry_run_says_what_a_run_would_do(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE), run("B", WHOLE[:3]))
    await tiers.carry()

    dry = await demote(tiers.edge, dry_run=True)
    held = await get(tiers.edge, "/v1/hot_storage/status")
    wet = await demote(tiers.edge)

    assert (dry["cold"], dry["dropped"], dry["decided"]) == (2, 0, {"quiet": 2})
    assert held["last_run"] is None
    assert (wet["cold"], wet["dropped"], wet["refused"]) == (2, 2, {})
    status = await get(tiers.edge, "/v1/hot_storage/status")
    assert status["dropped_through"] == "2026-01-01"
    assert status["last_run"]["dropped"] == 2
    assert status["held_bytes"] < held["held_bytes"]
    assert status["replication"] == "eager"
    assert "on disk" in status["durability"]


async def test_a_block_explains_itself(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))

    young = await get(tiers.edge, "/v1/hot_storage/explain", **BLOCK)
    await tiers.carry()
    told = await tiers.edge.client.post(
        "/v1/hot_storage/reads", content=msgspec.msgpack.encode([("A", IMPORT, 20_454, 900, 3)])
    )
    assert told.status_code == 204
    known = await get(tiers.edge, "/v1/hot_storage/explain", **BLOCK)

    assert young["record"] == {"values": 0, "covers": False, "open_exceptions": False}
    assert (young["tier"], young["decided_by"], young["here"]) == ("cold", "quiet", 96)
    assert known["record"] == {"values": 96, "covers": True, "open_exceptions": False}
    assert (known["tier"], known["decided_by"]) == ("hot", "read-often")
    assert known["reads"] == pytest.approx(3.0, abs=0.01)
    assert [reason["name"] for reason in known["reasons"]] == ["read-often", "quiet"]
    assert (await demote(tiers.edge))["dropped"] == 0


async def test_explaining_without_the_parent_says_so(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    tiers.fog.entrance.unreachable = True

    answer = await get(tiers.edge, "/v1/hot_storage/explain", **BLOCK)

    assert answer["record"] is None
    assert "the link is cut" in answer["record_error"]
    stuck = await demote(tiers.edge)
    assert (stuck["dropped"], stuck["cold"]) == (0, 1)
    assert "the link is cut" in stuck["error"]


async def test_an_open_exception_keeps_a_day_hot(tiers: Tiers, database_url: str) -> None:
    await send(tiers.edge, run("A", WHOLE), run("B", WHOLE))
    await tiers.carry()
    admin = await connect(database_url)
    try:
        await admin.execute(
            f"INSERT INTO {tenant_role(TENANT)}.exceptions (meter_id, register, day, interval_s,"
            " first_slot, slots, rule, severity, zone, found_at)"
            # Found after the value came: headquarters would settle it otherwise, sooner or later.
            " VALUES ('A', '1-0:1.8.0', 20454, 900, 3, 1, 'spike', 'error', 'zone-2',"
            " 4000000000000000)"
        )
    finally:
        await admin.close()

    answer = await demote(tiers.fog)

    assert (answer["dropped"], answer["refused"]) == (1, {"open-exception": 1})
    assert (await get(tiers.fog, "/v1/hot_storage/explain", **BLOCK))["decided_by"] == (
        "open-exceptions"
    )


async def test_the_policy_is_the_tenants_own(tiers: Tiers) -> None:
    tiers.edge.entrance.settings = {"hot_storage": {"hot_days": 10_000}}

    async def followed() -> bool:
        return (await get(tiers.edge, "/v1/hot_storage/policy"))["hot_days"] == 10_000

    await eventually(followed)
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    assert await demote(tiers.edge) | {"took_s": 0} == {
        "dry_run": False, "days": 0, "hot": 0, "cold": 0, "dropped": 0, "dropped_bytes": 0,
        "decided": {}, "refused": {}, "took_s": 0, "error": None,
    }  # fmt: skip


async def test_what_is_recalled_often_is_kept_here_and_renewed(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.fog)
    for _ in range(4):
        await read(tiers.fog)
        await asyncio.sleep(0.002)

    status = await get(tiers.fog, "/v1/hot_storage/status")
    assert status["promoted_blocks"] == 1
    tiers.headquarters.entrance.unreachable = True
    answer = await read(tiers.fog)
    assert answer["series"][0]["final"] == WHOLE
    assert answer["series"][0]["zone"] == "zone-1"

    tiers.headquarters.entrance.unreachable = False
    await send(tiers.edge, run("A", [3], start="2026-01-01T00:00:00Z"))
    await tiers.carry()

    async def dropped() -> bool:
        return (await get(tiers.fog, "/v1/hot_storage/status"))["promoted_blocks"] == 0

    await eventually(dropped)


async def test_the_figures_are_exposed(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()
    await demote(tiers.edge)
    await read(tiers.edge)

    shown = await exposed(tiers.edge, "hot_storage")

    labels = '{tenant="acme",zone="zone-3a"}'
    assert f"gridfaas_hot_storage_demotions_total{labels} 1.0" in shown
    assert f"gridfaas_hot_storage_recalled_blocks_total{labels} 1.0" in shown
    assert f"gridfaas_hot_storage_dropped_through_day{labels} 20454.0" in shown
    assert 'gridfaas_hot_storage_reads_total{found="parent"' in shown
    assert "gridfaas_hot_storage_staleness_seconds" in shown
    cold = await exposed(tiers.headquarters, "cold_storage")
    assert 'gridfaas_cold_storage_questions_total{kind="proofs"' in cold


async def test_headquarters_shows_its_record(tiers: Tiers) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()

    async def folded() -> bool:
        return (await get(tiers.headquarters, "/v1/cold_storage/status"))["blocks"] == 1

    await eventually(folded)
    status = await get(tiers.headquarters, "/v1/cold_storage/status")
    explained = await get(tiers.headquarters, "/v1/cold_storage/explain", **BLOCK)
    planned = (await tiers.headquarters.client.post("/v1/cold_storage/run")).json()

    assert (status["readings"], status["oldest_day"], status["archived_files"]) == (
        96, "2026-01-01", 0,
    )  # fmt: skip
    assert status["newest_age_s"] >= 0
    assert (explained["tiers"], explained["values"]) == (["cold"], 96)
    assert [(one["action"], one["month"]) for one in planned["plan"]] == [("keep", "2026-01")]
    policy = await get(tiers.headquarters, "/v1/cold_storage/policy")
    assert policy["archive_after_days"] is None


async def test_the_archive_is_among_the_metrics(
    tiers: Tiers, database_url: str, tmp_path: Path
) -> None:
    await send(tiers.edge, run("A", WHOLE))
    await tiers.carry()

    async def shown() -> str:
        return await exposed(tiers.headquarters, "cold_storage")

    async def has(line: str) -> bool:
        return f"gridfaas_cold_storage_{line}" in await shown()

    labels = '{tenant="acme",zone="zone-1"}'
    assert await has(f"archived_files{labels} 0.0")
    assert not await has("archived_timestamp_seconds")

    async def moved() -> bool:
        async with opened_record(database_url, schema=tenant_role(TENANT)) as connection:
            for part in await parts_before(connection, 40_000):
                with suppress(ArchiveRefused):
                    await archive(connection, part, tenant=TENANT, root=tmp_path)
        return await has(f"archived_readings{labels} 96.0")

    await eventually(moved)
    assert await has(f"archived_files{labels} 1.0")
    assert await has(f"archive_unfinished_files{labels} 0.0")
    assert await has("archived_timestamp_seconds")


@pytest.mark.parametrize("what", ["recall", "proofs", "history"])
async def test_zones_alone_ask_the_record(tiers: Tiers, what: str) -> None:
    answer = await tiers.headquarters.client.post(f"/v1/cold_storage/{what}", content=b"")
    malformed = await tiers.headquarters.client.post(
        f"/v1/cold_storage/{what}", content=b"x", headers=tiers.fog.calls_as("zone-2")
    )

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:gridfaas:problem:forbidden")
    assert malformed.status_code == 400
