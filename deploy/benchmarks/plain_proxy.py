"""The proxy that comes to mind first, FastAPI and httpx: the floor that our gateway is above.

Run as `python -m deploy.benchmarks.plain_proxy UPSTREAM_SOCKET PORT`. Without authentication,
limits, log or ledger; on the same event loop and parser as our gateway.
"""

import contextlib
import sys
from collections.abc import AsyncIterator

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def plain_proxy(upstream: str) -> FastAPI:
    """Build the proxy to the unix socket `upstream`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        transport = httpx.AsyncHTTPTransport(uds=upstream)
        async with httpx.AsyncClient(transport=transport, base_url="http://upstream") as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    async def forward(request: Request, path: str) -> Response:
        client: httpx.AsyncClient = request.app.state.client
        answer = await client.request(
            request.method,
            f"/{path}",
            params=request.query_params,
            content=await request.body(),
            headers=[pair for pair in request.headers.items() if pair[0] not in HOP_BY_HOP],
        )
        kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return Response(answer.content, status_code=answer.status_code, headers=kept)

    return app


if __name__ == "__main__":
    uvicorn.run(
        plain_proxy(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
