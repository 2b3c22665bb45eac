"""Calls as a client makes them: identity, routes, limits and answers."""

import json
import time

import pytest

from tests.integration.gateway.zone import (
    ACME,
    ADMIN,
    BETA,
    EXPIRED,
    SIBLING,
    WRITER_ONLY,
    ZONE,
    ZoneUnderTest,
)


def seen_headers(answer_json: dict[str, object]) -> dict[str, str]:
    headers = answer_json["headers"]
    assert isinstance(headers, list)
    return {name: value for name, value in headers}


def test_a_function_learns_who_calls_from_the_key_alone(zone: ZoneUnderTest) -> None:
    answer = zone.call(
        "GET",
        "/v1/echo/me?a=1&b=%20",
        headers={
            "X-GridFaaS-Tenant": "beta",
            "x_gridfaas_role": "platform-admin",
            "X-Request-ID": "client-chosen-1",
            "X-Custom": "stays",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "goes",
        },
    )

    assert answer.status == 200
    assert (answer.json["path"], answer.json["query"]) == ("/v1/echo/me", "a=1&b=%20")
    seen = seen_headers(answer.json)
    assert seen["x-gridfaas-tenant"] == "acme"
    assert seen["x-gridfaas-role"] == "tenant-service"
    assert seen["x-gridfaas-scopes"] == "echo:read echo:write"
    assert seen["x-gridfaas-subject"] == f"id-{ACME}"
    assert seen["x-request-id"] == "client-chosen-1"
    assert 0 < int(seen["x-gridfaas-deadline-ms"]) <= 20_000
    assert seen["x-custom"] == "stays"
    assert "x_gridfaas_role" not in seen
    assert "x-hop" not in seen
    assert "authorization" not in seen
    assert "x-gridfaas-zone-credential" not in seen
    assert "x-gridfaas-zone-edges" not in seen
    assert answer.headers["x-request-id"] == "client-chosen-1"
    assert answer.headers["x-call-id"] == seen["x-call-id"]
    assert answer.headers["x-own"] == "kept"
    assert "x-gridfaas-inner" not in answer.headers
    assert "server" not in answer.headers


def test_a_request_id_of_odd_characters_is_replaced(zone: ZoneUnderTest) -> None:
    answer = zone.call("GET", "/v1/echo/me", headers={"X-Request-ID": "a b<c>"})

    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("/v1/echo", "/v1/echo", id="the_prefix_itself"),
        pytest.param("/v1/echo/a/b", "/v1/echo/a/b", id="below_the_prefix"),
        pytest.param("/function/echo", "/v1/echo", id="by_name"),
        pytest.param("/function/echo/a/b", "/v1/echo/a/b", id="by_name_below"),
        pytest.param("/v1/echo/a%2Fb", "/v1/echo/a%2Fb", id="an_encoded_slash_stays_encoded"),
    ],
)
def test_paths_lead_to_functions(zone: ZoneUnderTest, path: str, asked: str) -> None:
    assert zone.call("GET", path).json["path"] == asked


@pytest.mark.parametrize(
    ("method", "path", "key", "headers", "status", "slug"),
    [
        pytest.param("GET", "/v1/echo/a", None, {}, 401, "unauthenticated", id="no_key"),
        pytest.param("GET", "/v1/echo/a", "gf_no", {}, 401, "unauthenticated", id="unknown_key"),
        pytest.param("GET", "/v1/echo/a", EXPIRED, {}, 401, "unauthenticated", id="expired_key"),
        pytest.param(
            "GET", "/v1/echo/a", ACME, {"X-API-Key": BETA}, 401, "unauthenticated", id="two_keys"
        ),
        pytest.param("GET", "/v1/echo/a", WRITER_ONLY, {}, 403, "forbidden", id="scope_missing"),
        pytest.param("GET", "/v1/echo/a", ADMIN, {}, 403, "forbidden", id="key_without_tenant"),
        pytest.param(
            "GET", "/v1/echo/a", ACME, {"GridFaaS-Tenant": "beta"}, 403, "forbidden",
            id="a_tenant_in_anothers_name",
        ),
        pytest.param("GET", "/v1/echo/a", ZONE, {}, 403, "forbidden", id="zone_without_envelope"),
        pytest.param(
            "GET", "/v1/echo/a", SIBLING, {"GridFaaS-Tenant": "acme"}, 403, "forbidden",
            id="zone_with_a_tenant_of_its_sibling",
        ),
        pytest.param(
            "GET", "/v1/echo/a", ZONE, {"GridFaaS-Tenant": "nobody"}, 404, "unknown-tenant",
            id="zone_with_an_unknown_tenant",
        ),
        pytest.param("GET", "/v1/none/a", ACME, {}, 404, "not-found", id="no_such_service"),
        pytest.param("GET", "/", ACME, {}, 404, "not-found", id="root"),
        pytest.param("GET", "/function/", ACME, {}, 404, "not-found", id="function_without_name"),
        pytest.param("GET", "/v1/echo/../none", ACME, {}, 404, "not-found", id="dot_segments"),
        pytest.param(
            "GET", "/v1/echo/%2e%2E/none", ACME, {}, 404, "not-found", id="encoded_dot_segments"
        ),
        pytest.param(
            "GET", "/v1/upstairs/a", ACME, {}, 404, "not-in-this-zone", id="another_tier"
        ),
        pytest.param(
            "GET", "/v1/absent/a", ACME, {}, 503, "function-unavailable", id="does_not_start"
        ),
        pytest.param(
            "GET", "/v1/echo/a", ACME, {"X-Timeout-Ms": "-1"}, 400, "malformed-request",
            id="negative_timeout",
        ),
        pytest.param(
            "GET", "/v1/echo/a", ACME, {"Expect": "a miracle"}, 400, "malformed-request",
            id="unknown_expectation",
        ),
    ],
)  # fmt: skip
def test_refusals(
    zone: ZoneUnderTest,
    method: str,
    path: str,
    key: str | None,
    headers: dict[str, str],
    status: int,
    slug: str,
) -> None:
    answer = zone.call(method, path, key=key, headers=headers)

    assert answer.problem() == (status, slug)


def test_a_function_elsewhere_is_named_with_its_zones(zone: ZoneUnderTest) -> None:
    found = zone.call("GET", "/v1/upstairs/a").json

    assert (found["function"], found["tiers"], found["zones"]) == ("upstairs", [1], ["zone-1"])


def test_a_key_in_its_own_header_is_as_good(zone: ZoneUnderTest) -> None:
    assert zone.call("GET", "/v1/echo/me", key=None, headers={"X-API-Key": ACME}).status == 200


def test_a_zone_carries_a_tenants_data(zone: ZoneUnderTest) -> None:
    answer = zone.call("POST", "/v1/echo/me", key=ZONE, headers={"GridFaaS-Tenant": "acme"})

    seen = seen_headers(answer.json)
    assert (seen["x-gridfaas-tenant"], seen["x-gridfaas-role"]) == ("acme", "zone")
    assert seen["x-gridfaas-zone-credential"] == "zone-3a"
    assert seen["x-gridfaas-zone-edges"] == "zone-3a"


def test_the_platforms_own_function_needs_no_tenant(zone: ZoneUnderTest) -> None:
    assert seen_headers(zone.call("GET", "/v1/shared/me", key=ZONE).json)["x-gridfaas-tenant"] == (
        "platform"
    )


@pytest.mark.parametrize("size", [0, 1, 70_000, 1 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_as_they_were_sent(zone: ZoneUnderTest, size: int, chunked: bool) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent = (body[at : at + 9000] for at in range(0, size, 9000)) if chunked else body

    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    answer = zone.call("POST", "/v1/echo/body", body=sent, headers=headers, chunked=chunked)

    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_functions_limit_is_refused(zone: ZoneUnderTest, chunked: bool) -> None:
    body = b"x" * ((1 << 20) + 1)
    sent = (body[at : at + 65_536] for at in range(0, len(body), 65_536)) if chunked else body

    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    answer = zone.call("POST", "/v1/echo/body", body=sent, headers=headers, chunked=chunked)

    assert answer.problem() == (413, "body-too-large")
    assert answer.json["limit_bytes"] == 1 << 20


def test_an_announced_body_above_the_limit_is_refused_unread(zone: ZoneUnderTest) -> None:
    answer = zone.raw(
        b"POST /v1/echo/body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        b"X-API-Key: gf_acme\r\nContent-Length: 999999999\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_a_stream_passes_through(zone: ZoneUnderTest) -> None:
    answer = zone.call("GET", "/v1/echo/stream?n=200&size=50000")

    assert (answer.status, len(answer.body)) == (200, 10_000_000)
    assert answer.body[50_000:50_001] == b"B"


def test_an_answer_without_a_body(zone: ZoneUnderTest) -> None:
    assert (zone.call("GET", "/v1/echo/nothing").status) == 204
    head = zone.call("HEAD", "/v1/echo/me")
    assert (head.status, head.body) == (200, b"")
    assert zone.call("GET", "/v1/echo/me").status == 200


def test_a_function_may_answer_before_it_read_the_body(zone: ZoneUnderTest) -> None:
    answer = zone.call("POST", "/v1/echo/early", body=b"x" * 900_000)

    assert (answer.status, answer.json) == (409, "no thanks")


@pytest.mark.parametrize(
    ("path", "headers", "deadline_ms"),
    [
        pytest.param("/v1/hasty/slow?s=15", {}, 1000, id="the_functions_own"),
        pytest.param("/v1/echo/slow?s=15", {"X-Timeout-Ms": "200"}, 200, id="the_clients_shorter"),
        pytest.param("/v1/hasty/slow?s=15", {"X-Timeout-Ms": "9000"}, 1000, id="never_longer"),
    ],
)
def test_a_late_function_is_answered_for(
    zone: ZoneUnderTest, path: str, headers: dict[str, str], deadline_ms: int
) -> None:
    answer = zone.call("GET", path, headers=headers)

    assert answer.problem() == (504, "deadline-exceeded")
    assert answer.json["deadline_ms"] == deadline_ms
    assert answer.json["waited_for"].startswith("the answer of ")


def test_a_client_that_stops_sending_is_told_so(zone: ZoneUnderTest) -> None:
    answer = zone.raw(
        b"POST /v1/hasty/body HTTP/1.1\r\nHost: a\r\nX-API-Key: gf_acme\r\n"
        b"Connection: close\r\nContent-Length: 10\r\n\r\nhalf"
    )

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request-timeout" in answer


def test_a_client_that_leaves_ends_the_functions_work(zone: ZoneUnderTest) -> None:
    def seen(what: str) -> int:
        count: int = zone.call("GET", "/v1/echo/seen").json[what]
        return count

    import socket

    before = seen("disconnects")
    started = seen("slow_started")
    with socket.create_connection(("127.0.0.1", zone.port)) as client:
        client.sendall(b"GET /v1/echo/slow?s=15 HTTP/1.1\r\nHost: a\r\nX-API-Key: gf_acme\r\n\r\n")
        deadline = time.monotonic() + 10
        while seen("slow_started") == started and time.monotonic() < deadline:
            time.sleep(0.02)

    while seen("disconnects") == before:
        assert time.monotonic() < deadline, "the worker never heard of it"
        time.sleep(0.02)


def test_counts_are_published(zone: ZoneUnderTest) -> None:
    zone.call("GET", "/v1/echo/me")
    answer = zone.call("GET", "/metrics", key=None)

    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.body.decode()
    assert (
        'gateway_function_invocation_total{code="2xx",function_name="echo",tenant="acme",'
        'zone="zone-2"}' in text
    )
    assert 'gateway_functions_seconds_count{function_name="echo"' in text
    assert "/v1/echo" not in text


def test_a_revoked_key_is_refused_soon(zone: ZoneUnderTest) -> None:
    from tests.integration.gateway.zone import KEYS

    zone.publish(version=2, keys=[key for key in KEYS if key.key_id != f"id-{BETA}"])
    deadline = time.monotonic() + 10
    while (answer := zone.call("GET", "/v1/echo/me", key=BETA)).status == 200:
        assert time.monotonic() < deadline, "the key is still good"
        time.sleep(0.02)

    assert answer.problem() == (401, "unauthenticated")
    assert zone.call("GET", "/v1/echo/me").status == 200
    zone.publish(version=3)
    while zone.call("GET", "/v1/echo/me", key=BETA).status == 401:
        assert time.monotonic() < deadline, "the key is not good again"
        time.sleep(0.02)


def test_an_unreadable_snapshot_changes_nothing(zone: ZoneUnderTest) -> None:
    (zone.folder / "snapshot.json").write_text("{")
    time.sleep(0.2)

    assert json.loads(zone.call("GET", "/v1/echo/me").body)["method"] == "GET"
    zone.publish(version=4)
