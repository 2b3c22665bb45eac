"""What is kept of an answer, and which answers never left the gateway."""

import json

import pytest

from functions.messaging.kept_result import result_of, retry_after_s, zone_unready
from functions.runtime.http_line import Answer

NOWHERE = "nothing answers to this path"


def problem(slug: str, *, detail: str = "", kind: str = "application/problem+json") -> Answer:
    body = json.dumps({"type": f"urn:gridfaas:problem:{slug}", "detail": detail}).encode()
    return Answer(status=503, headers={"content-type": kind}, body=body, truncated=False)


def test_headers_that_describe_the_body_or_are_the_functions_own_are_kept() -> None:
    said = {
        "content-type": "text/csv",
        "x-rows": "3",
        "x-long": "x" * 5_000,
        "set-cookie": "secret",
        "x-request-id": "r",
        "x-call-id": "c",
        "x-gridfaas-cpu-us": "7",
    }
    kept = result_of(Answer(status=200, headers=said, body=b"1", truncated=True))

    assert kept.headers == {"content-type": "text/csv", "x-rows": "3", "x-long": "x" * 1_000}
    assert (kept.status, kept.body, kept.truncated) == (200, b"1", True)


@pytest.mark.parametrize(
    "slug", ["function-unavailable", "unauthenticated", "unknown-tenant", "store-full"]
)
def test_a_zone_that_is_not_ready(slug: str) -> None:
    assert zone_unready(problem(slug), deployed=False)


def test_a_function_that_the_zone_does_not_have_yet() -> None:
    assert zone_unready(problem("not-found", detail=NOWHERE), deployed=True)
    assert not zone_unready(problem("not-found", detail=NOWHERE), deployed=False)
    assert not zone_unready(problem("not-found", detail="no such bill"), deployed=True)


@pytest.mark.parametrize(
    "answer",
    [
        problem("function-failed"),
        problem("function-unavailable", kind="application/json"),
        Answer(
            status=503,
            headers={"content-type": "application/problem+json"},
            body=b"[1]",
            truncated=False,
        ),
        Answer(status=503, headers={}, body=b"", truncated=False),
    ],
)
def test_answers_of_functions(answer: Answer) -> None:
    assert not zone_unready(answer, deployed=True)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("9" * 12, None),
        ("٣", None),
    ],
)
def test_seconds_to_wait(said: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": said}) == seconds
