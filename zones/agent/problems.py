"""The agent's errors as problem+json (RFC 9457)."""

from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from zones.agent.deployments.bundle_source import BundleUnavailable
from zones.agent.deployments.depot import NoDigest
from zones.agent.descriptions import NotDescribed
from zones.agent.functions import NotInThisTier, UnknownFunction
from zones.agent.ledger_sinks import SinkUnavailable
from zones.agent.starting import StartFailed
from zones.agent.worker_config import UnknownTenant

PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    NoDigest: (404, "not-found"),
    UnknownFunction: (404, "not-found"),
    NotInThisTier: (404, "not-in-this-zone"),
    UnknownTenant: (404, "unknown-tenant"),
    StartFailed: (503, "function-unavailable"),
    NotDescribed: (503, "function-unavailable"),
    BundleUnavailable: (503, "parent-unavailable"),
    SinkUnavailable: (503, "parent-unavailable"),
    RequestValidationError: (400, "malformed-body"),
}


def install_problems(app: FastAPI) -> None:
    """Answer every error of `PROBLEMS`, and the framework's own, as a problem."""

    def listed(request: Request, error: Exception) -> Response:
        status, slug = PROBLEMS[type(error)]
        headers = {}
        if isinstance(error, StartFailed | NotDescribed):
            headers["retry-after"] = str(error.retry_after_s)
        return _answer(status=status, slug=slug, detail=str(error), headers=headers)

    def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = {404: "not-found", 405: "method-not-allowed"}.get(
            error.status_code, "malformed-request"
        )
        return _answer(status=error.status_code, slug=slug, detail=str(error.detail), headers={})

    for kind in PROBLEMS:
        app.add_exception_handler(kind, listed)
    app.add_exception_handler(HTTPException, plain)


def _answer(*, status: int, slug: str, detail: str, headers: dict[str, str]) -> Response:
    body = {
        "type": f"urn:gridfaas:problem:{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )
