import json
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from functions.runtime.problem import (
    Problem,
    install_problem_handlers,
    problem_of,
    send_problem,
)


class StoreFull(Exception):
    retry_after_s = 7


class UnknownMeter(Exception):
    members: ClassVar = {"meter_id": "m-1"}


class UnknownFeeder(UnknownMeter):
    pass


class Body(BaseModel):
    count: int


TABLE = {StoreFull: (503, "store-full"), UnknownMeter: (404, "unknown-meter")}


def test_an_error_finds_its_row_and_its_bases_row() -> None:
    full = problem_of(StoreFull("no room"), TABLE)
    feeder = problem_of(UnknownFeeder("no such"), TABLE)

    assert full is not None
    assert (full.status, full.slug, full.headers) == (503, "store-full", {"retry-after": "7"})
    assert feeder is not None
    assert (feeder.slug, feeder.members) == ("unknown-meter", {"meter_id": "m-1"})
    assert problem_of(KeyError("x"), TABLE) is None


def test_members_cannot_replace_those_of_the_standard() -> None:
    problem = Problem(status=404, slug="unknown-meter", detail="d", members={"status": 200})

    assert json.loads(problem.body(request_id="r")) == {
        "type": "urn:gridfaas:problem:unknown-meter",
        "title": "Not Found",
        "status": 404,
        "detail": "d",
        "request_id": "r",
    }


async def test_raw_asgi_answer() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_problem(
        send,
        Problem(status=503, slug="store-full", detail="d", headers={"retry-after": "7"}),
        request_id="r",
    )

    start, body = sent
    headers = dict(start["headers"])
    assert start["status"] == 503
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"retry-after"] == b"7"
    assert int(headers[b"content-length"]) == len(body["body"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        pytest.param("GET", "/full", None, 503, "store-full", id="row_of_the_table"),
        pytest.param("GET", "/feeder", None, 404, "unknown-meter", id="row_of_its_base"),
        pytest.param("POST", "/body", b'{"count": "x"}', 400, "malformed-body", id="wrong_type"),
        pytest.param("POST", "/body", b"{", 400, "malformed-body", id="not_json"),
        pytest.param("GET", "/query?n=x", None, 400, "malformed-request", id="wrong_query"),
        pytest.param("GET", "/nowhere", None, 404, "not-found", id="no_route"),
        pytest.param("DELETE", "/full", None, 405, "method-not-allowed", id="no_such_method"),
    ],
)
async def test_fastapi_answers(
    method: str, path: str, body: bytes | None, status: int, slug: str
) -> None:
    app = FastAPI()
    install_problem_handlers(app, TABLE)

    @app.get("/full")
    async def full() -> None:
        raise StoreFull("no room")

    @app.get("/feeder")
    async def feeder() -> None:
        raise UnknownFeeder("no such")

    @app.get("/query")
    async def query(n: int) -> int:
        return n

    @app.post("/body")
    async def with_body(body: Body) -> int:
        return body.count

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://worker"
    ) as client:
        answer = await client.request(
            method,
            path,
            content=body,
            headers={"x-request-id": "r-1", "content-type": "application/json"},
        )

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:gridfaas:problem:{slug}"
    assert answer.json()["request_id"] == "r-1"
