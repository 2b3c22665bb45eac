"""What the agent tells of a function's log."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from zones.agent.function_logs import MAX_TAIL_LINES
from zones.agent.function_routes import agent_of
from zones.agent.log_line import encode_line

MEDIA_TYPE = "application/x-ndjson"


router = APIRouter()


@router.get("/v1/functions/{tenant}/{name}/logs")
async def read(
    request: Request,
    tenant: str,
    name: str,
    tail: Annotated[int, Query(ge=0, le=MAX_TAIL_LINES)] = 100,
    follow: bool = False,
) -> StreamingResponse:
    """Give the last `tail` lines, and with `follow` each further one as it comes."""
    logs = agent_of(request).logs
    if not logs.known(tenant, name):
        # Raises where there is no such function; one that never wrote has an empty log.
        agent_of(request).functions.here(name, tenant=tenant)

    async def told() -> AsyncIterator[bytes]:
        if not follow:
            yield b"".join(encode_line(line) for line in logs.tail(tenant, name, tail))
            return
        async with aclosing(logs.follow(tenant, name, tail=tail)) as lines:
            async for line in lines:
                yield encode_line(line)

    return StreamingResponse(told(), media_type=MEDIA_TYPE)
