"""Usage and invoices: a tenant's own at headquarters, everybody's for the platform's people."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gateway.authorization import Forbidden
from gateway.control.caller import ControlCall, control_call, require_role
from gateway.control.models import Slug
from gateway.control.usage_csv import csv_of
from gateway.control.usage_example import CSV, USAGE
from gateway.control.usage_models import CloseMonth, MonthText, Usage, shown
from gateway.request_head import MalformedRequest
from storage.platform.keys import Role
from storage.platform.usage.month import Month

router = APIRouter()

Call = Annotated[ControlCall, Depends(control_call)]


class Format(StrEnum):
    """How a month is written."""

    JSON = "json"
    CSV = "csv"


@router.get(
    "/v1/usage",
    response_model=Usage,
    responses={
        200: {
            "content": {
                "application/json": {"example": USAGE},
                "text/csv": {"schema": {"type": "string"}, "example": CSV},
            }
        }
    },
)
async def show_usage(
    call: Call,
    month: Annotated[MonthText | None, Query(description="The present one if left out.")] = None,
    tenant: Annotated[Slug | None, Query(description="For the platform's people.")] = None,
    format: Annotated[Format, Query()] = Format.JSON,
) -> Response:
    """Show what a tenant used in a month and what it costs.

    A call is in here a few seconds after its answer; one from a zone that is cut off, when the
    zone is back. Who may see it: the tenant's administrator, the platform's.
    """
    require_role(call.caller, Role.PLATFORM_ADMIN, Role.TENANT_ADMIN)
    own = call.caller.tenant
    if own is not None and tenant not in (None, own):
        raise Forbidden(f"this key is of tenant {own!r}")
    asked = own or tenant
    if asked is None:
        raise MalformedRequest("name the tenant: ?tenant=")
    bills = call.accounts()
    await call.record().tenants.get(asked)
    wanted = Month.parse(month or f"{datetime.now(UTC):%Y-%m}")
    usage = shown(await bills.bill(tenant=asked, month=wanted))
    if format is Format.CSV:
        name = f"{asked}-{wanted}.csv"
        said = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(csv_of(usage), media_type="text/csv", headers=said)
    return Response(usage.model_dump_json(), media_type="application/json")


@router.post(
    "/v1/usage/close",
    response_model=Usage,
    responses={200: {"content": {"application/json": {"example": USAGE}}}},
)
async def close_month(body: CloseMonth, call: Call) -> Response:
    """Bill a month that is over for good; a second time changes nothing.

    What arrives of it afterwards is a correction in the invoice of the next month.
    """
    require_role(call.caller, Role.PLATFORM_ADMIN)
    bills = call.accounts()
    await call.record().tenants.get(body.tenant)
    closed = await bills.close(
        tenant=body.tenant, month=Month.parse(body.month), now=datetime.now(UTC)
    )
    return Response(shown(closed).model_dump_json(), media_type="application/json")


@router.post("/v1/usage/recount", status_code=204)
async def recount(call: Call) -> Response:
    """Drop the sums by day of all tenants; they are made again from the ledger when asked for.

    Until that is done, a month is answered with 503 and Retry-After. Closed months stay.
    """
    require_role(call.caller, Role.PLATFORM_ADMIN)
    await call.accounts().recount()
    return Response(status_code=204)
