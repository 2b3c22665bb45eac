"""`/async-function/NAME` and `/v1/calls/ID`: what messaging is asked, and who may ask."""

import pytest

from tests.integration.gateway.test_calls import seen_headers
from tests.integration.gateway.zone import ACME, BETA, ZoneUnderTest


def test_a_call_for_later_is_handed_to_messaging_whole(zone: ZoneUnderTest) -> None:
    answer = zone.call(
        "PUT",
        "/async-function/tariffs/a/b?x=1&y=%20",
        body=b"four",
        headers={
            "Content-Type": "text/plain",
            "X-Callback-Url": "https://example.com/done",
            "X-GridFaaS-Async-Function": "forecast",
        },
    )

    assert answer.status == 202
    assert answer.headers["x-call-id"] == "kept-1"
    assert answer.headers["location"] == "/v1/calls/kept-1"
    seen = answer.json["headers"]
    assert answer.json["body"] == "four"
    assert seen["x-gridfaas-tenant"] == "acme"
    assert seen["x-gridfaas-subject"] == f"id-{ACME}"
    assert seen["x-gridfaas-async-function"] == "tariffs"
    assert seen["x-gridfaas-async-method"] == "PUT"
    assert seen["x-gridfaas-async-target"] == "/a/b?x=1&y=%20"
    assert seen["content-type"] == "text/plain"
    assert seen["x-callback-url"] == "https://example.com/done"


def test_a_service_can_be_called_later_too(zone: ZoneUnderTest) -> None:
    answer = zone.call("POST", "/async-function/echo")

    assert answer.status == 202
    assert answer.json["headers"]["x-gridfaas-async-function"] == "echo"
    assert answer.json["headers"]["x-gridfaas-async-target"] == ""


@pytest.mark.parametrize(
    ("path", "key", "problem"),
    [
        pytest.param("/async-function/none", ACME, (404, "not-found"), id="no_function"),
        pytest.param("/async-function/tariffs", BETA, (404, "not-found"), id="anothers"),
        pytest.param("/async-function/guarded", ACME, (403, "forbidden"), id="no_scope"),
        pytest.param("/async-function/upstairs", ACME, (404, "not-in-this-zone"), id="tier"),
        pytest.param("/async-function/tariffs", None, (401, "unauthenticated"), id="no_key"),
    ],
)
def test_what_could_not_be_called_now_cannot_be_called_later(
    zone: ZoneUnderTest, path: str, key: str | None, problem: tuple[int, str]
) -> None:
    assert zone.call("POST", path, key=key).problem() == problem


def test_the_functions_own_bound_holds_for_the_body(zone: ZoneUnderTest) -> None:
    answer = zone.call("POST", "/async-function/small", body=b"x" * 11)

    assert answer.problem() == (413, "body-too-large")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_every_key_of_the_tenant_may_ask_for_a_call(zone: ZoneUnderTest, method: str) -> None:
    answer = zone.call(method, "/v1/calls/kept-1")

    assert answer.status == 200
    assert answer.json["method"] == method
    assert answer.json["path"] == "/v1/messaging/calls/kept-1"
    assert seen_headers(answer.json)["x-gridfaas-tenant"] == "acme"


def test_a_call_needs_a_key(zone: ZoneUnderTest) -> None:
    assert zone.call("GET", "/v1/calls/kept-1", key=None).problem() == (401, "unauthenticated")
