"""A function's log in the asked zone, as its agent has it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from gateway.control.caller import ControlCall, control_call
from gateway.control.owner import TenantQuery, owned_by

router = APIRouter()


@router.get(
    "/v1/platform/functions/{name}/logs",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "A line, an object."}},
)
async def read_logs(
    name: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,62}$", examples=["late-meters"])],
    call: Annotated[ControlCall, Depends(control_call)],
    tenant: TenantQuery = None,
    tail: Annotated[int, Query(ge=0, le=10_000)] = 100,
    follow: bool = False,
) -> StreamingResponse:
    """Give the last lines that the function wrote in this zone, and with `follow` the next ones."""
    owner = owned_by(call.caller, tenant, change=False)
    stack = AsyncExitStack()
    # Entered before the answer begins, so that a refusal of the agent is a problem.
    lines = await stack.enter_async_context(
        call.agent.logs(tenant=owner, name=name, tail=tail, follow=follow)
    )

    async def told() -> AsyncIterator[bytes]:
        async with stack:
            async for piece in lines:
                yield piece

    return StreamingResponse(told(), media_type="application/x-ndjson")
