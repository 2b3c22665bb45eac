"""Functions and secrets at the control plane: who may, what is refused, what zones are told."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.platform.functions.bundle import BundleFile, pack_bundle
from storage.platform.registry import Registry, open_registry
from storage.platform.snapshot import DeploymentEntry
from tests.integration.gateway.zone import (
    ACME,
    ADMIN,
    BETA,
    KEYS,
    ZONE,
    ZONES,
    Answer,
    ZoneUnderTest,
    function,
    key_entry,
)

ACME_ADMIN, BETA_ADMIN, OWN_ZONE = "gf_acme_admin", "gf_beta_admin", "gf_zone_1"
ALL_KEYS = [
    *KEYS,
    key_entry(ACME_ADMIN, "tenant-admin", tenant="acme"),
    key_entry(BETA_ADMIN, "tenant-admin", tenant="beta"),
    key_entry(OWN_ZONE, "zone", zone="zone-1"),
]
FUNCTIONS, SECRETS = "/v1/platform/functions", "/v1/platform/secrets"


def bundle(spec: str = "name: late\n", **more: str) -> bytes:
    contents = {"function.yaml": spec, "handler.py": "async def handle(event, context): ...\n"}
    contents |= {name.replace("_", "."): content for name, content in more.items()}
    files = [BundleFile(path=name, content=text.encode()) for name, text in contents.items()]
    return pack_bundle(files)


@pytest.fixture
def headquarters(folder: Path, database_url: str) -> Iterator[ZoneUnderTest]:
    async def fill() -> None:
        async with open_registry(database_url) as registry:
            await registry.zones.record(ZONES)
            for slug, zone in (("acme", "zone-3a"), ("beta", "zone-3b")):
                await registry.tenants.create(slug=slug, name=slug, zones=[zone])

    asyncio.run(fill())
    zone = ZoneUnderTest(folder, tier=1, zone="zone-1")
    (zone.secrets / "database_url").write_text(database_url)
    zone.functions = [function("mdms")]
    zone.publish(version=5, keys=ALL_KEYS)
    try:
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        yield zone
    finally:
        zone.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def deploy(zone: ZoneUnderTest, body: bytes, *, key: str = ACME_ADMIN, query: str = "") -> Answer:
    gzip = {"Content-Type": "application/gzip"}
    return zone.call("POST", f"{FUNCTIONS}{query}", key=key, body=body, headers=gzip)


def put(zone: ZoneUnderTest, name: str, value: str, *, key: str = ACME_ADMIN) -> Answer:
    body = json.dumps({"value": value})
    headers = {"Content-Type": "application/json"}
    return zone.call("PUT", f"{SECRETS}/{name}", key=key, body=body, headers=headers)


def listed(zone: ZoneUnderTest, key: str, query: str = "") -> list[tuple[str, str | None, int]]:
    found = json.loads(zone.call("GET", f"{FUNCTIONS}{query}", key=key).body)["functions"]
    return [(one["name"], one["tenant"], one["version"]) for one in found]


def test_each_tenant_has_its_own_functions(headquarters: ZoneUnderTest) -> None:
    assert deploy(headquarters, bundle()).status == 201
    assert deploy(headquarters, bundle(), key=BETA_ADMIN).status == 201
    assert deploy(headquarters, bundle("name: late\nmax: 2\n")).status == 201
    assert deploy(headquarters, bundle(), key=ADMIN, query="?tenant=acme").status == 200

    mdms = ("mdms", None, 0)
    assert listed(headquarters, ACME) == [("late", "acme", 1), mdms]
    assert listed(headquarters, BETA) == [("late", "beta", 1), mdms]
    assert listed(headquarters, ADMIN) == [("late", "acme", 1), ("late", "beta", 1), mdms]
    assert listed(headquarters, ADMIN, "?tenant=beta") == [("late", "beta", 1), mdms]
    page = json.loads(headquarters.call("GET", f"{FUNCTIONS}?limit=1", key=ADMIN).body)
    rest = listed(headquarters, ADMIN, f"?cursor={page['next_cursor']}")
    assert [("late", "acme", 1), *rest] == listed(headquarters, ADMIN)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", FUNCTIONS),
        ("DELETE", f"{FUNCTIONS}/late"),
        ("POST", f"{FUNCTIONS}/late/rollback"),
        ("GET", SECRETS),
        ("PUT", f"{SECRETS}/token"),
    ],
)
def test_who_calls_functions_does_not_change_them(
    headquarters: ZoneUnderTest, method: str, path: str
) -> None:
    body = b'{"value": "x"}' if method == "PUT" else b""
    headers = {"Content-Type": "application/json"} if body else {}

    for key, query, refusal in (
        (ACME, "", (403, "forbidden")),
        (ZONE, "", (403, "forbidden")),
        (BETA_ADMIN, "?tenant=acme", (403, "forbidden")),
        (ADMIN, "", (400, "malformed-request")),
    ):
        answer = headquarters.call(method, path + query, key=key, body=body, headers=headers)
        assert answer.problem() == refusal, key


def test_what_is_no_function_is_refused(headquarters: ZoneUnderTest) -> None:
    wrong = deploy(headquarters, bundle("name: late\nmemory: 1\n"))
    assert wrong.problem() == (422, "malformed-function")
    assert json.loads(wrong.body)["line"] == 2
    unpinned = deploy(headquarters, bundle(requirements_txt="idna\n"))
    assert unpinned.problem() == (422, "malformed-function")
    assert json.loads(unpinned.body)["file"] == "requirements.txt"
    assert deploy(headquarters, b"no archive").problem() == (422, "malformed-function")
    assert deploy(headquarters, bundle("name: mdms\n")).problem() == (409, "name-taken")
    assert deploy(headquarters, b"x" * (9 << 20)).problem() == (413, "body-too-large")
    unknown = deploy(headquarters, bundle(), key=ADMIN, query="?tenant=nobody")
    assert unknown.problem() == (404, "unknown-tenant")
    absent = headquarters.call("GET", f"{FUNCTIONS}/late", key=ACME_ADMIN)
    assert absent.problem() == (404, "unknown-function")
    assert listed(headquarters, ADMIN) == [("mdms", None, 0)]


def test_a_rollback_goes_back_and_forth(headquarters: ZoneUnderTest) -> None:
    for most in (1, 2):
        deploy(headquarters, bundle(f"name: late\nmax: {most}\n"))
    path = f"{FUNCTIONS}/late/rollback"

    back = headquarters.call("POST", path, key=ACME_ADMIN)
    assert json.loads(back.body)["version"] == 1
    again = headquarters.call("POST", path, key=ACME_ADMIN)
    assert again.problem() == (404, "unknown-version")
    forth = headquarters.call(
        "POST",
        path,
        key=ACME_ADMIN,
        body='{"version": 2}',
        headers={"Content-Type": "application/json"},
    )
    assert json.loads(forth.body)["version"] == 2


def test_a_secret_is_never_told_again(headquarters: ZoneUnderTest) -> None:
    assert put(headquarters, "token", "t0p").status == 204
    assert put(headquarters, "1x", "t0p").problem() == (400, "malformed-body")
    assert put(headquarters, "token", "other", key=BETA_ADMIN).status == 204

    found = headquarters.call("GET", SECRETS, key=ACME_ADMIN)
    assert [one["name"] for one in json.loads(found.body)["secrets"]] == ["token"]
    assert b"t0p" not in found.body
    gone = headquarters.call("DELETE", f"{SECRETS}/token", key=ACME_ADMIN)
    assert gone.status == 204
    again = headquarters.call("DELETE", f"{SECRETS}/token", key=ACME_ADMIN)
    assert again.problem() == (404, "unknown-secret")
    assert json.loads(headquarters.call("GET", SECRETS, key=BETA_ADMIN).body)["secrets"]


def test_a_zone_is_told_of_its_own_tenants_functions_only(
    headquarters: ZoneUnderTest, database_url: str
) -> None:
    deploy(headquarters, bundle())
    deploy(headquarters, bundle("name: other\n"), key=BETA_ADMIN)
    entries = _publish(headquarters, database_url)
    digests = {one.tenant: one.digest for one in entries}
    path = "/v1/platform/deployments"
    wait_until(lambda: b"late" in headquarters.call("GET", path, key=OWN_ZONE).body)

    foreign = headquarters.call("GET", f"/v1/platform/bundles/{digests['beta']}", key=ZONE)
    assert foreign.problem() == (404, "not-found")
    person = headquarters.call("GET", f"/v1/platform/bundles/{digests['acme']}", key=ADMIN)
    assert person.problem() == (403, "forbidden")

    assert headquarters.call("GET", path, key=ZONE).problem() == (403, "forbidden")
    told = headquarters.call("GET", path, key=OWN_ZONE)
    assert {(one["tenant"], one["name"]) for one in json.loads(told.body)["deployments"]} == {
        ("acme", "late"),
        ("beta", "other"),
    }
    assert {one["slug"]: one["tiers"] for one in json.loads(told.body)["tenants"]}["acme"]
    same = headquarters.call(
        "GET", path, key=OWN_ZONE, headers={"If-None-Match": told.headers["etag"]}
    )
    assert (same.status, same.body) == (304, b"")


def test_a_zone_hears_at_once_of_a_function_while_it_waits_for_one(
    headquarters: ZoneUnderTest, database_url: str
) -> None:
    deploy(headquarters, bundle())
    _publish(headquarters, database_url)
    path = "/v1/platform/deployments"
    wait_until(lambda: b"late" in headquarters.call("GET", path, key=OWN_ZONE).body)
    held = {"If-None-Match": headquarters.call("GET", path, key=OWN_ZONE).headers["etag"]}

    nothing = headquarters.call("GET", f"{path}?wait_s=0.05", key=OWN_ZONE, headers=held)
    assert (nothing.status, nothing.body) == (304, b"")
    deploy(headquarters, bundle("name: other\n"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            headquarters.call, "GET", f"{path}?wait_s=2", key=OWN_ZONE, headers=held
        )
        _publish(headquarters, database_url, version=7)
        told = waiting.result(timeout=10)

    assert told.status == 200
    assert {one["name"] for one in json.loads(told.body)["deployments"]} == {"late", "other"}
    too_long = headquarters.call("GET", f"{path}?wait_s=60", key=OWN_ZONE)
    assert too_long.status == 400


def _publish(zone: ZoneUnderTest, database_url: str, *, version: int = 6) -> list[DeploymentEntry]:
    """Let the gateway see what the record has, as its agent would."""

    async def read(registry: Registry) -> list[DeploymentEntry]:
        return await registry.functions.list()

    async def opened() -> list[DeploymentEntry]:
        async with open_registry(database_url) as registry:
            return await read(registry)

    entries = asyncio.run(opened())
    zone.publish(version=version, keys=ALL_KEYS, deployments=entries)
    return entries
