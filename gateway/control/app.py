"""The control plane as a FastAPI application, every error of it a problem."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.control import (
    deployments,
    function_logs,
    function_secrets,
    functions,
    keys,
    ledger,
    snapshot,
    tenants,
    usage,
    zones,
)
from gateway.control.caller import SCOPE_KEY, OnlyAtHeadquarters
from gateway.control.owner import TenantMissing
from gateway.problems import (
    CONTENT_TYPE,
    UNFORESEEN,
    UNFORESEEN_DETAIL,
    problem_body,
    problem_of,
)
from gateway.refusal import Refusal
from storage.platform.api_keys import InvalidKey, TooManyKeys, UnknownKey
from storage.platform.failures import RECORD_FAILURES
from storage.platform.functions.bundle import BundleFault
from storage.platform.functions.deployed import (
    NameTaken,
    TooManyFunctions,
    TooMuchCode,
    UnknownFunction,
    UnknownVersion,
)
from storage.platform.functions.secrets import InvalidSecret, TooManySecrets, UnknownSecret
from storage.platform.functions.spec_error import SpecError
from storage.platform.ledger.batch import BatchUnreadable
from storage.platform.limits import InvalidLimit
from storage.platform.slug import InvalidSlug
from storage.platform.tenant_settings import InvalidSettings
from storage.platform.tenants import TenantExists, TooManyTenants, UnknownTenant
from storage.platform.topology import InvalidZone, UnknownZone
from storage.platform.usage.bills import EarlierMonthOpen, MonthNotOver
from storage.platform.usage.month import InvalidMonth
from storage.platform.usage.price_list import NoPriceList
from storage.platform.usage.usage_query import NotCountedYet

logger = logging.getLogger(__name__)

CONTROL_PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    BatchUnreadable: (400, "malformed-body"),
    BundleFault: (422, "malformed-function"),
    EarlierMonthOpen: (409, "earlier-month-open"),
    InvalidKey: (400, "malformed-body"),
    InvalidLimit: (400, "malformed-body"),
    InvalidMonth: (400, "malformed-request"),
    InvalidSecret: (400, "malformed-body"),
    InvalidSettings: (400, "malformed-body"),
    InvalidSlug: (400, "malformed-body"),
    InvalidZone: (400, "malformed-body"),
    MonthNotOver: (409, "month-not-over"),
    NameTaken: (409, "name-taken"),
    NoPriceList: (409, "no-price-list"),
    NotCountedYet: (503, "not-counted-yet"),
    OnlyAtHeadquarters: (404, "not-in-this-zone"),
    SpecError: (422, "malformed-function"),
    TenantExists: (409, "tenant-exists"),
    TenantMissing: (400, "malformed-request"),
    TooManyFunctions: (409, "too-many-functions"),
    TooManyKeys: (409, "too-many-keys"),
    TooManySecrets: (409, "too-many-secrets"),
    TooManyTenants: (409, "too-many-tenants"),
    TooMuchCode: (409, "too-much-code"),
    UnknownFunction: (404, "unknown-function"),
    UnknownKey: (404, "unknown-key"),
    UnknownSecret: (404, "unknown-secret"),
    UnknownTenant: (404, "unknown-tenant"),
    UnknownVersion: (404, "unknown-version"),
    UnknownZone: (400, "unknown-zone"),
}
_SLUGS = {404: "not-found", 405: "method-not-allowed"}


def build_control_app() -> FastAPI:
    """Make the application; it is told who calls by `ControlEntry`."""
    app = FastAPI(
        title="GridFaaS platform",
        version="1",
        description="Tenants, keys, functions and snapshots. Services of the platform are called "
        "at `/v1/<service>/...`, tenants' own functions at `/function/NAME`.",
        docs_url="/docs",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    for module in (snapshot, tenants, keys, zones, ledger, usage):
        app.include_router(module.router, tags=["platform"])
    for module in (functions, function_logs, function_secrets, deployments):
        app.include_router(module.router, tags=["functions"])
    for kind in CONTROL_PROBLEMS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _plain)
    for kind in RECORD_FAILURES:
        app.add_exception_handler(kind, _record_failed)
    app.add_exception_handler(Exception, _unforeseen)
    return app


def _known(request: Request, error: Exception) -> Response:
    status, slug = CONTROL_PROBLEMS[type(error)]
    members: dict[str, object] = {}
    if isinstance(error, SpecError):
        place = {"file": error.file, "line": error.line, "field": error.field}
        members = {**place, "reason": error.reason, "advice": error.advice}
    answer = _problem(request, status=status, slug=slug, detail=str(error), members=members)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["retry-after"] = "1"
    return answer


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    status, slug = problem_of(error)
    answer = _problem(request, status=status, slug=slug, detail=error.detail)
    if error.retry_after_s is not None:
        answer.headers["retry-after"] = str(error.retry_after_s)
    return answer


def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]}
        for fault in error.errors()
    ]
    in_body = any(fault["field"].startswith("body") for fault in faults)
    return _problem(
        request,
        status=400,
        slug="malformed-body" if in_body else "malformed-request",
        detail="; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults),
        members={"errors": faults},
    )


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    slug = _SLUGS.get(status, HTTPStatus(status).phrase.lower().replace(" ", "-"))
    return _problem(request, status=status, slug=slug, detail=str(error.detail))


def _record_failed(request: Request, error: Exception) -> Response:
    logger.error("the platform's record failed", exc_info=error)
    answer = _problem(
        request,
        status=503,
        slug="record-unavailable",
        detail="the platform's record does not answer; nothing is known of what was asked for",
    )
    answer.headers["retry-after"] = "1"
    return answer


def _unforeseen(request: Request, error: Exception) -> Response:
    # Starlette raises the error on, to be logged by whoever serves the application.
    status, slug = UNFORESEEN
    return _problem(request, status=status, slug=slug, detail=UNFORESEEN_DETAIL)


def _problem(
    request: Request,
    *,
    status: int,
    slug: str,
    detail: str,
    members: dict[str, object] | None = None,
) -> Response:
    call = request.scope.get(SCOPE_KEY)
    body = problem_body(
        status=status,
        slug=slug,
        detail=detail,
        request_id=call.request_id if call else "",
        members=members,
    )
    return Response(body, status_code=status, media_type=CONTENT_TYPE[1].decode())
