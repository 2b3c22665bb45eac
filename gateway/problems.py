"""The one table from reasons to HTTP: status, problem type and title of every refusal."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from gateway.agent_client import (
    AgentUnavailable,
    InstanceRefused,
    ParentUnavailable,
    TooManyFollowers,
)
from gateway.asgi import Headers
from gateway.authorization import Forbidden, UnknownTenant
from gateway.catalogue import CatalogueMissing, NoSuchPath, NotInThisZone
from gateway.deadline import DeadlineExceeded, RequestTimeout
from gateway.fleet import QueueFull, QueueTimeout
from gateway.forwarding.errors import ConnectFailed, FunctionFailed, UpstreamFailed
from gateway.function_limits import TooManyAtOnce
from gateway.keyring import Unauthenticated
from gateway.ledger.room import LedgerFull
from gateway.rate_limits import RateExceeded
from gateway.request_body import BodyTooLarge
from gateway.request_head import MalformedRequest
from gateway.snapshot_watch import NoSnapshot

CONTENT_TYPE = (b"content-type", b"application/problem+json")
UNFORESEEN = (500, "internal-error")
UNFORESEEN_DETAIL = "the gateway failed; its log has the cause under this request id"

PROBLEMS: Mapping[type[Exception], tuple[int, str]] = {
    MalformedRequest: (400, "malformed-request"),
    Unauthenticated: (401, "unauthenticated"),
    Forbidden: (403, "forbidden"),
    NoSuchPath: (404, "not-found"),
    UnknownTenant: (404, "unknown-tenant"),
    NotInThisZone: (404, "not-in-this-zone"),
    RequestTimeout: (408, "request-timeout"),
    BodyTooLarge: (413, "body-too-large"),
    QueueFull: (429, "too-many-requests"),
    RateExceeded: (429, "too-many-requests"),
    TooManyAtOnce: (429, "too-many-requests"),
    TooManyFollowers: (429, "too-many-requests"),
    FunctionFailed: (502, "function-failed"),
    UpstreamFailed: (502, "upstream-failed"),
    ConnectFailed: (503, "function-unavailable"),
    AgentUnavailable: (503, "function-unavailable"),
    InstanceRefused: (503, "function-unavailable"),
    QueueTimeout: (503, "function-unavailable"),
    CatalogueMissing: (503, "function-unavailable"),
    LedgerFull: (503, "store-full"),
    NoSnapshot: (503, "function-unavailable"),
    ParentUnavailable: (503, "parent-unavailable"),
    DeadlineExceeded: (504, "deadline-exceeded"),
}


def problem_of(error: Exception) -> tuple[int, str]:
    """Return status and slug of an error; `UNFORESEEN` for one without a row."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return UNFORESEEN


def problem_body(
    *,
    status: int,
    slug: str,
    detail: str,
    request_id: str,
    members: Mapping[str, object] | None = None,
) -> bytes:
    """Encode a problem (RFC 9457); `members` cannot replace the standard ones."""
    return msgspec.json.encode(
        {
            **(members or {}),
            "type": f"urn:gridfaas:problem:{slug}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "request_id": request_id,
        }
    )


def problem_headers(*, status: int, request_id: str, retry_after_s: int | None) -> Headers:
    """Return the headers of a problem, without its Content-Length."""
    headers = [CONTENT_TYPE, (b"x-request-id", request_id.encode())]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="gridfaas"'))
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    return headers
