"""The control plane over a real PostgreSQL record, and the way of snapshots downwards."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.servers.postgres import query
from storage.platform.keys import hash_key
from storage.platform.ledger.batch import pack_frames
from storage.platform.ledger.segment import frame
from storage.platform.registry import open_registry
from storage.platform.snapshot import Position, decode_snapshot
from tests.integration.gateway.zone import (
    ACME,
    ADMIN,
    KEYS,
    SIBLING,
    ZONE,
    ZONES,
    Answer,
    ZoneUnderTest,
    key_entry,
)
from tests.unit.storage.platform.ledger.records import record

ACME_ADMIN = "gf_acme_admin"
MOST_KEYS = 5
ACME_BRIEFLY = "gf_acme_admin_for_an_hour"
AN_HOUR = datetime.now(UTC) + timedelta(hours=1)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def headquarters(
    folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ZoneUnderTest]:
    monkeypatch.setenv("GRIDFAAS_TENANT_KEYS_MAX", str(MOST_KEYS))

    async def fill() -> None:
        async with open_registry(database_url) as registry:
            await registry.zones.record(ZONES)
            await registry.tenants.create(slug="acme", name="Acme", zones=["zone-2", "zone-3a"])
            await registry.tenants.create(slug="beta", name="Beta", zones=["zone-3b"])

    asyncio.run(fill())
    zone = ZoneUnderTest(folder, tier=1, zone="zone-1")
    own = key_entry(ACME_ADMIN, "tenant-admin", tenant="acme", scopes=["keys:admin", "mdms:read"])
    briefly = key_entry(
        ACME_BRIEFLY, "tenant-admin", tenant="acme", scopes=["keys:admin"], expires_at=AN_HOUR
    )
    zone.publish(version=5, keys=[*KEYS, own, briefly])
    (zone.secrets / "database_url").write_text(database_url)
    try:
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        yield zone
    finally:
        zone.close()


def post(zone: ZoneUnderTest, path: str, body: Any, *, key: str = ADMIN) -> Answer:
    return zone.call("POST", path, key=key, body=json.dumps(body), headers=JSON)


def test_a_tenant_and_its_keys_from_making_to_revoking(headquarters: ZoneUnderTest) -> None:
    new = {"slug": "gamma", "name": "Gamma", "zones": ["zone-1", "zone-3a"]}
    made = post(headquarters, "/v1/platform/tenants", new)
    assert (made.status, made.json["number"]) == (201, 3)
    assert post(headquarters, "/v1/platform/tenants", new).problem() == (409, "tenant-exists")
    listed = headquarters.call("GET", "/v1/platform/tenants", key=ADMIN).json["tenants"]
    assert [tenant["slug"] for tenant in listed] == ["acme", "beta", "gamma"]

    key = post(headquarters, "/v1/platform/keys", {"role": "tenant-admin", "tenant": "gamma"})
    assert key.status == 201
    assert key.json["key"].startswith("gf_")
    shown = headquarters.call("GET", "/v1/platform/keys", key=ADMIN)
    assert [entry["key_id"] for entry in shown.json["keys"]] == [key.json["key_id"]]
    assert key.json["key"] not in shown.body.decode()
    assert hash_key(key.json["key"]) not in shown.body.decode()

    path = f"/v1/platform/keys/{key.json['key_id']}"
    assert headquarters.call("DELETE", path, key=ADMIN).status == 204
    assert headquarters.call("DELETE", path, key=ADMIN).problem() == (404, "unknown-key")
    assert headquarters.call("GET", "/v1/platform/keys", key=ADMIN).json == {"keys": []}


def test_a_tenants_admin_stays_among_its_own_keys(headquarters: ZoneUnderTest) -> None:
    others = post(headquarters, "/v1/platform/keys", {"role": "consumer", "tenant": "beta"}).json[
        "key_id"
    ]

    own = post(
        headquarters,
        "/v1/platform/keys",
        {"role": "consumer", "scopes": ["mdms:read"]},
        key=ACME_ADMIN,
    )
    assert (own.status, own.json["tenant"]) == (201, "acme")
    listed = headquarters.call("GET", "/v1/platform/keys", key=ACME_ADMIN).json["keys"]
    assert [key["key_id"] for key in listed] == [own.json["key_id"]]
    for forbidden in (
        {"role": "consumer", "tenant": "beta"},
        {"role": "platform-admin"},
        {"role": "zone", "zone": "zone-2"},
        {"role": "consumer", "scopes": ["mdms:write"]},
        # Its role's scopes would be more than this administrator has.
        {"role": "tenant-service"},
    ):
        answer = post(headquarters, "/v1/platform/keys", forbidden, key=ACME_ADMIN)
        assert answer.problem() == (403, "forbidden")
    revoked = headquarters.call("DELETE", f"/v1/platform/keys/{others}", key=ACME_ADMIN)
    assert revoked.problem() == (404, "unknown-key")
    tenants = post(
        headquarters,
        "/v1/platform/tenants",
        {"slug": "delta", "name": "D", "zones": ["zone-1"]},
        key=ACME_ADMIN,
    )
    assert tenants.problem() == (403, "forbidden")


@pytest.mark.parametrize("expires_at", [None, AN_HOUR + timedelta(seconds=1)])
def test_a_key_that_expires_makes_none_that_outlives_it(
    headquarters: ZoneUnderTest, expires_at: datetime | None
) -> None:
    wanted = {"role": "consumer", "scopes": [], "expires_at": expires_at and str(expires_at)}
    refused = post(headquarters, "/v1/platform/keys", wanted, key=ACME_BRIEFLY)
    within = wanted | {"expires_at": str(AN_HOUR)}
    made = post(headquarters, "/v1/platform/keys", within, key=ACME_BRIEFLY)

    assert refused.problem() == (403, "forbidden")
    assert made.status == 201


def test_a_tenants_live_keys_are_bounded_by_a_setting(headquarters: ZoneUnderTest) -> None:
    key = {"role": "consumer", "scopes": []}
    for _ in range(MOST_KEYS):
        assert post(headquarters, "/v1/platform/keys", key, key=ACME_ADMIN).status == 201

    refused = post(headquarters, "/v1/platform/keys", key, key=ACME_ADMIN)

    assert refused.problem() == (409, "too-many-keys")
    assert f"{MOST_KEYS} live keys" in refused.json["detail"]


def change(zone: ZoneUnderTest, path: str, body: Any, *, method: str = "PATCH") -> Answer:
    return zone.call(method, path, key=ADMIN, body=json.dumps(body), headers=JSON)


def test_a_tenant_is_changed_in_part(headquarters: ZoneUnderTest) -> None:
    limited = change(headquarters, "/v1/platform/tenants/acme", {"calls_per_s": 7.5})
    moved = change(headquarters, "/v1/platform/tenants/acme", {"zones": ["zone-3b"]})
    freed = change(headquarters, "/v1/platform/tenants/acme", {"calls_per_s": None})

    assert (limited.status, limited.json["calls_per_s"]) == (200, 7.5)
    assert limited.json["zones"] == ["zone-2", "zone-3a"]
    assert (moved.json["zones"], moved.json["calls_per_s"]) == (["zone-3b"], 7.5)
    assert moved.json["leaving"] == ["zone-2", "zone-3a"]
    assert (freed.json["zones"], freed.json["calls_per_s"]) == (["zone-3b"], None)
    own = headquarters.call("GET", "/v1/platform/tenants", key=ACME_ADMIN).json["tenants"]
    assert [tenant["slug"] for tenant in own] == ["acme"]
    for body in ({"calls_per_s": 0}, {"slug": "other"}, {"name": ""}):
        assert change(headquarters, "/v1/platform/tenants/acme", body).status == 400
    nobody = change(headquarters, "/v1/platform/tenants/nobody", {"name": "x"})
    assert nobody.problem() == (404, "unknown-tenant")


def test_a_zone_is_recorded_below_its_parent(headquarters: ZoneUnderTest) -> None:
    path = "/v1/platform/zones/zone-3c"
    made = change(headquarters, path, {"tier": 3, "parent": "zone-2"}, method="PUT")
    wrong = change(headquarters, path, {"tier": 2, "parent": "zone-2"}, method="PUT")
    nowhere = change(headquarters, path, {"tier": 3, "parent": "mars"}, method="PUT")

    assert (made.status, made.json["parent"]) == (200, "zone-2")
    assert wrong.problem() == (400, "malformed-body")
    assert nowhere.problem() == (400, "unknown-zone")
    listed = headquarters.call("GET", "/v1/platform/zones", key=ADMIN).json["zones"]
    assert listed[-1] == {"name": "zone-3c", "tier": 3, "parent": "zone-2"}


def test_a_key_may_have_a_limit_of_its_own(headquarters: ZoneUnderTest) -> None:
    body = {"role": "meter", "tenant": "acme", "calls_per_s": 2}
    made = post(headquarters, "/v1/platform/keys", body)

    assert (made.status, made.json["calls_per_s"]) == (201, 2)


def test_a_reserved_name_is_no_tenant(headquarters: ZoneUnderTest) -> None:
    body = {"slug": "upb", "name": "x", "zones": ["zone-1"]}
    answer = post(headquarters, "/v1/platform/tenants", body)

    assert answer.problem() == (400, "malformed-body")
    assert "reserved" in answer.json["detail"]


def test_a_child_that_knows_more_makes_the_record_begin_anew(
    headquarters: ZoneUnderTest, database_url: str
) -> None:
    async def position() -> Position:
        async with open_registry(database_url) as registry:
            return await registry.settle(seen=None)

    before = asyncio.run(position())
    # Long since: what zones say is believed every now and then only.
    query(database_url, "UPDATE platform.version SET incarnation = incarnation - 3600000000")
    ahead = before.version + 9
    headquarters.call(
        "GET",
        f"/v1/platform/snapshot?after={ahead}&after_incarnation={before.incarnation}&wait_s=0",
        key=ZONE,
    )

    assert asyncio.run(position()) > Position(before.incarnation, ahead)


FRAMES = frame(record(1)) + frame(record(2))
TAKES = "/v1/platform/ledger?segment=1.ledger"


def test_a_zones_ledger_is_taken_once(headquarters: ZoneUnderTest) -> None:
    body = pack_frames(FRAMES)
    answers = [
        headquarters.call("POST", f"{TAKES}&offset={offset}", key=ZONE, body=sent)
        for offset, sent in ((0, b""), (0, body), (0, body), (len(FRAMES), b""))
    ]

    assert [answer.status for answer in answers] == [200] * 4
    assert [answer.json["next"] for answer in answers] == [0, *[len(FRAMES)] * 3]


@pytest.mark.parametrize(
    ("key", "query", "body", "status", "slug"),
    [
        pytest.param(ACME, "", b"", 403, "forbidden", id="a_tenant"),
        pytest.param(ADMIN, "", b"", 403, "forbidden", id="an_operator"),
        pytest.param(ZONE, "&zone=zone-3b", b"", 403, "forbidden", id="for_its_sibling"),
        pytest.param(ZONE, "&zone=zone-2", b"", 403, "forbidden", id="for_its_parent"),
        pytest.param(SIBLING, "", pack_frames(FRAMES), 400, "malformed-body", id="anothers_calls"),
        pytest.param(ZONE, "", b"x", 400, "malformed-body", id="no_batch"),
        pytest.param(ZONE, "&segment=..%2Fx", b"", 400, "malformed-request", id="no_segment"),
    ],
)
def test_what_is_no_zones_ledger(
    headquarters: ZoneUnderTest, key: str, query: str, body: bytes, status: int, slug: str
) -> None:
    answer = headquarters.call("POST", f"{TAKES}&offset=0{query}", key=key, body=body)

    assert answer.problem() == (status, slug)


def test_a_zone_between_hands_the_ledger_to_its_agent(zone: ZoneUnderTest) -> None:
    taken = zone.call("POST", f"{TAKES}&offset=7", key=ZONE, body=b"as it came")
    assert (taken.status, taken.json) == (200, {"next": 7 + len("as it came")})

    away = zone.call("POST", "/v1/platform/ledger?segment=away&offset=0", key=ZONE)
    assert away.problem() == (503, "parent-unavailable")
    assert away.headers["retry-after"] == "1"
    assert "zone-3a" in away.json["detail"]


def test_without_its_database_the_record_is_said_to_be_unavailable(
    headquarters: ZoneUnderTest, database_url: str, postgres_server: str
) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    query(postgres_server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    query(
        postgres_server,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )

    answer = headquarters.call("GET", "/v1/platform/keys", key=ADMIN)

    assert answer.problem() == (503, "record-unavailable")
    assert answer.headers["retry-after"] == "1"
    assert name not in answer.body.decode()
    # What needs no database goes on.
    assert headquarters.call("GET", "/v1/platform/functions", key=ADMIN).status == 200


@pytest.mark.parametrize(
    ("path", "body", "slug"),
    [
        pytest.param("tenants", b"{", "malformed-body", id="no_json"),
        pytest.param(
            "tenants", b'{"slug":"X!","name":"x","zones":["zone-1"]}', "malformed-body", id="slug"
        ),
        pytest.param(
            "tenants", b'{"slug":"xy","name":"x","zones":["mars"]}', "unknown-zone", id="zone"
        ),
        pytest.param(
            "tenants",
            b'{"slug":"xy","name":"x","zones":["zone-1"],"vip":1}',
            "malformed-body",
            id="unknown_member",
        ),
        pytest.param("keys", b'{"role":"king"}', "malformed-body", id="role"),
        pytest.param("keys", b'{"role":"consumer"}', "malformed-body", id="tenant_missing"),
    ],
)
def test_what_makes_no_sense_is_said(
    headquarters: ZoneUnderTest, path: str, body: bytes, slug: str
) -> None:
    answer = headquarters.call("POST", f"/v1/platform/{path}", key=ADMIN, body=body, headers=JSON)

    assert answer.problem() == (400, slug)


def test_a_child_pulls_its_part_of_the_snapshot(headquarters: ZoneUnderTest) -> None:
    answer = headquarters.call("GET", "/v1/platform/snapshot?after=4", key=ZONE)

    snapshot = decode_snapshot(answer.body)
    assert (answer.status, snapshot.version, snapshot.zone) == (200, 5, "zone-3a")
    assert [tenant.slug for tenant in snapshot.tenants] == ["acme"]
    assert f"id-{ZONE}" in {key.key_id for key in snapshot.keys}
    assert f"id-{SIBLING}" not in {key.key_id for key in snapshot.keys}
    nothing = headquarters.call("GET", "/v1/platform/snapshot?after=5&wait_s=0.05", key=ZONE)
    assert (nothing.status, nothing.body) == (204, b"")
    tenant = headquarters.call("GET", "/v1/platform/snapshot", key=ACME)
    assert tenant.problem() == (403, "forbidden")


async def test_a_waiting_child_hears_at_once_of_a_change(headquarters: ZoneUnderTest) -> None:
    asked = asyncio.create_task(
        asyncio.to_thread(
            headquarters.call, "GET", "/v1/platform/snapshot?after=5&wait_s=2", key=ZONE
        )
    )
    await asyncio.sleep(0.2)
    headquarters.publish(version=6)

    assert decode_snapshot((await asked).body).version == 6


def test_other_zones_list_tenants_and_change_none(zone: ZoneUnderTest) -> None:
    mine = zone.call("GET", "/v1/platform/tenants", key=ZONE).json["tenants"]
    every = zone.call("GET", "/v1/platform/tenants", key=ADMIN).json["tenants"]

    assert [tenant["slug"] for tenant in mine] == ["acme"]
    assert [tenant["slug"] for tenant in every] == ["acme", "beta"]
    made = post(zone, "/v1/platform/tenants", {"slug": "xy", "name": "x", "zones": ["zone-1"]})
    assert made.problem() == (404, "not-in-this-zone")


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "slug"),
    [
        pytest.param("GET", "/v1/platform/tenants", None, 401, "unauthenticated", id="no_key"),
        pytest.param("GET", "/v1/platform/nothing", ADMIN, 404, "not-found", id="unknown_path"),
        pytest.param(
            "PUT", "/v1/platform/tenants", ADMIN, 405, "method-not-allowed", id="wrong_method"
        ),
        pytest.param(
            "GET", "/v1/platform/snapshot?after=x", ZONE, 400, "malformed-request", id="query"
        ),
    ],
)
def test_refusals_of_the_control_plane(
    zone: ZoneUnderTest, method: str, path: str, key: str | None, status: int, slug: str
) -> None:
    assert zone.call(method, path, key=key).problem() == (status, slug)


def test_a_huge_control_body_is_refused(zone: ZoneUnderTest) -> None:
    answer = zone.call("POST", "/v1/platform/keys", key=ADMIN, body=b"x" * (2 << 20))

    assert answer.problem() == (413, "body-too-large")


def test_functions_are_listed_by_pages_and_none_is_started(zone: ZoneUnderTest) -> None:
    listed: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = zone.call("GET", f"/v1/platform/functions?limit=2&cursor={cursor}", key=ACME).json
        listed += page["functions"]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]

    names = [entry["name"] for entry in listed]
    assert names == sorted(entry["name"] for entry in zone.functions)
    upstairs = listed[names.index("upstairs")]
    assert (upstairs["tiers"], upstairs["route_prefix"]) == ([1], "/v1/upstairs")


def test_the_interface_describes_itself(zone: ZoneUnderTest) -> None:
    paths = zone.call("GET", "/openapi.json", key=None).json["paths"]

    assert {"/v1/platform/tenants", "/v1/platform/keys", "/v1/platform/snapshot"} <= set(paths)
