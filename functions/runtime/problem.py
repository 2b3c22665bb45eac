"""problem+json answers (RFC 9457) for raw ASGI applications and for FastAPI, from one table."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:gridfaas:problem:"

ProblemTable = Mapping[type[Exception], tuple[int, str]]
"""From an error of the domain to (HTTP status, slug of the problem type)."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SLUG_OF_STATUS = {
    400: "malformed-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One refusal: what a client may act on is `status`, `slug` and `members`."""

    status: int
    slug: str
    detail: str
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, *, request_id: str) -> bytes:
        """Encode as a JSON object; `members` stand beside the members of RFC 9457."""
        return msgspec.json.encode(
            {
                **self.members,
                "type": TYPE_PREFIX + self.slug,
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "request_id": request_id,
            }
        )


def problem_of(error: Exception, table: ProblemTable) -> Problem | None:
    """Look `error` up by its class, then by its bases; None when no row knows it.

    An error may carry `retry_after_s` (seconds, becomes Retry-After) and `members` (a mapping).
    """
    for kind in type(error).__mro__:
        if kind in table:
            status, slug = table[kind]
            retry_after_s = getattr(error, "retry_after_s", None)
            return Problem(
                status=status,
                slug=slug,
                detail=str(error),
                members=getattr(error, "members", {}),
                headers={} if retry_after_s is None else {"retry-after": str(retry_after_s)},
            )
    return None


def raw_problem(problem: Problem, *, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers, the length among them, and body."""
    body = problem.body(request_id=request_id)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    return headers, body


async def send_problem(send: Send, problem: Problem, *, request_id: str) -> None:
    """Answer a raw ASGI request whose response has not started."""
    headers, body = raw_problem(problem, request_id=request_id)
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem_response(problem: Problem, *, request_id: str) -> Response:
    """Return `problem` as a Starlette response."""
    return Response(
        problem.body(request_id=request_id),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(problem.headers),
    )


def install_problem_handlers(app: FastAPI, table: ProblemTable) -> None:
    """Make every error of `app` a problem: rows of `table`, bad input, and Starlette's own."""

    def answer(request: Request, problem: Problem) -> Response:
        return problem_response(problem, request_id=request.headers.get("x-request-id", ""))

    def known(request: Request, error: Exception) -> Response:
        problem = problem_of(error, table)
        if problem is None:
            raise error
        return answer(request, problem)

    def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [
            {"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]}
            for fault in error.errors()
        ]
        in_body = any(fault["loc"][:1] == ("body",) for fault in error.errors())
        return answer(
            request,
            Problem(
                status=400,
                slug="malformed-body" if in_body else "malformed-request",
                detail="; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults),
                members={"errors": faults},
            ),
        )

    def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _SLUG_OF_STATUS.get(error.status_code, f"status-{error.status_code}")
        problem = Problem(
            status=error.status_code,
            slug=slug,
            detail=str(error.detail),
            headers=error.headers or {},
        )
        return answer(request, problem)

    for kind in table:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, plain)
