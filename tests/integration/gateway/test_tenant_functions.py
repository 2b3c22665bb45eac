"""Tenants' own functions: whose they are, what reaches them, and their limits."""

import threading

import pytest

from tests.integration.gateway.test_calls import seen_headers
from tests.integration.gateway.zone import (
    ACME,
    ADMIN,
    BETA,
    OWN_ZONE,
    WRITER_ONLY,
    ZONE,
    ZoneUnderTest,
)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("/function/tariffs", "/", id="the_function_itself"),
        pytest.param("/function/tariffs/", "/", id="a_slash_behind"),
        pytest.param("/function/tariffs/a/b%20c", "/a/b%20c", id="below"),
    ],
)
def test_a_tenants_function_gets_the_path_below_its_name(
    zone: ZoneUnderTest, path: str, asked: str
) -> None:
    answer = zone.call("PATCH", f"{path}?x=1")

    assert answer.status == 200
    assert answer.json["method"] == "PATCH"
    assert (answer.json["path"], answer.json["query"]) == (asked, "x=1")
    assert seen_headers(answer.json)["x-gridfaas-tenant"] == "acme"


@pytest.mark.parametrize("key", [BETA, ADMIN])
def test_another_tenants_function_is_one_that_nobody_has(zone: ZoneUnderTest, key: str) -> None:
    theirs = zone.call("GET", "/function/tariffs", key=key)
    nobodys = zone.call("GET", "/function/no-such", key=key)

    assert theirs.problem() == nobodys.problem()
    assert theirs.problem()[0] in (403, 404)
    assert theirs.json["detail"] == nobodys.json["detail"]


def test_a_zone_calls_a_tenants_function_in_its_name(zone: ZoneUnderTest) -> None:
    answer = zone.call("GET", "/function/tariffs", key=ZONE, headers={"GridFaaS-Tenant": "acme"})

    assert answer.status == 200
    assert zone.call("GET", "/function/tariffs", key=ZONE).problem() == (404, "not-found")


def test_a_functions_own_scopes_are_asked_for(zone: ZoneUnderTest) -> None:
    answer = zone.call("GET", "/function/guarded")

    assert answer.problem() == (403, "forbidden")
    assert answer.json["scopes"] == ["a:b"]


def test_a_function_tells_of_its_failure_in_a_problem_only(zone: ZoneUnderTest) -> None:
    told = zone.call("GET", "/function/tariffs/fault")
    hidden = zone.call("GET", "/function/tariffs/fault?kind=text/plain")

    assert told.status == 500
    assert told.json["detail"] == "KeyError"
    assert hidden.problem() == (502, "function-failed")


def test_limits_are_named(zone: ZoneUnderTest) -> None:
    large = zone.call("POST", "/function/small/body", body=b"x" * 11)
    assert large.problem() == (413, "body-too-large")
    assert large.json["limit"] == "max_body_bytes"

    assert zone.call("GET", "/function/rare").status == 200
    rare = zone.call("GET", "/function/rare")
    assert rare.problem() == (429, "too-many-requests")
    assert rare.json["limit"] == "rate_per_s"
    assert 1 <= int(rare.headers["retry-after"]) <= 10


def test_calls_above_the_concurrency_of_a_function_are_refused(zone: ZoneUnderTest) -> None:
    before = zone.call("GET", "/function/tariffs/seen").json["slow_started"]
    slow = threading.Thread(target=zone.call, args=("GET", "/function/lonely/slow?s=2"))
    slow.start()
    while zone.call("GET", "/function/tariffs/seen").json["slow_started"] == before:
        pass
    second = zone.call("GET", "/function/lonely")
    slow.join()

    assert second.problem() == (429, "too-many-requests")
    assert second.json["limit"] == "max_concurrency"
    assert second.headers["retry-after"] == "1"
    assert zone.call("GET", "/function/lonely").status == 200


def test_where_no_worker_starts_every_call_is_told(zone: ZoneUnderTest) -> None:
    answers: list[tuple[int, str]] = []

    def call() -> None:
        answers.append(zone.call("GET", "/function/starved").problem())

    callers = [threading.Thread(target=call) for _ in range(5)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()

    assert answers == [(503, "function-unavailable")] * 5


FORGED = {
    "GridFaaS-Origin": "async",
    "GridFaaS-Subject": "id-somebody",
    "GridFaaS-Call-Id": "c1",
    "GridFaaS-Attempt": "2",
}


@pytest.mark.parametrize(
    ("key", "envelope"),
    [
        pytest.param(ACME, {}, id="a_tenant"),
        pytest.param(WRITER_ONLY, {}, id="a_meter"),
        pytest.param(ZONE, {"GridFaaS-Tenant": "acme"}, id="another_zone"),
    ],
)
def test_only_the_zone_itself_says_for_whom_it_calls(
    zone: ZoneUnderTest, key: str, envelope: dict[str, str]
) -> None:
    answer = zone.call("POST", "/function/tariffs", key=key, headers={**FORGED, **envelope})

    assert answer.status == 200
    seen = seen_headers(answer.json)
    assert seen["x-gridfaas-subject"] == f"id-{key}"
    assert seen["x-gridfaas-role"] not in ("async", "topic", "schedule")
    assert not answer.headers["x-call-id"].startswith("c1")
    assert not [name for name in seen if name.replace("_", "-").startswith("gridfaas-")]


def test_forged_origins_give_no_scope(zone: ZoneUnderTest) -> None:
    for headers in (FORGED, {"gridfaas_origin": "async", "gridfaas_subject": "id-x"}):
        answer = zone.call("GET", "/function/guarded", headers=headers)
        assert answer.problem() == (403, "forbidden")


def test_the_zone_itself_calls_for_a_subject(zone: ZoneUnderTest) -> None:
    answer = zone.call(
        "POST",
        "/function/guarded",
        key=OWN_ZONE,
        headers={**FORGED, "GridFaaS-Tenant": "acme"},
    )

    seen = seen_headers(answer.json)
    assert seen["x-gridfaas-tenant"] == "acme"
    assert seen["x-gridfaas-subject"] == "id-somebody"
    assert seen["x-gridfaas-role"] == "async"
    assert seen["x-gridfaas-scopes"] == "a:b"
    assert "x-gridfaas-zone-credential" not in seen
    assert answer.headers["x-call-id"] == "c1.2"


def test_a_zone_says_an_origin_wholly_or_not_at_all(zone: ZoneUnderTest) -> None:
    for missing in ("GridFaaS-Subject", "GridFaaS-Call-Id", "GridFaaS-Attempt"):
        headers = {name: value for name, value in FORGED.items() if name != missing}
        answer = zone.call(
            "POST",
            "/function/guarded",
            key=OWN_ZONE,
            headers={**headers, "GridFaaS-Tenant": "acme"},
        )
        assert answer.problem() == (400, "malformed-request")
