"""The HTTP client with which a service of the platform calls zones: its own and its parent."""

from collections.abc import Callable
from typing import Any, Final

import httpx

from functions.runtime.tls import client_context

KEEPALIVE_S: Final = 5.0

NewZoneClient = Callable[[str], httpx.AsyncClient]
"""Makes a client of the zone whose gateway has this base URL."""


def zone_client(
    base_url: str, *, credential: str, keepalive_s: float = KEEPALIVE_S
) -> httpx.AsyncClient:
    """Return a client that calls as the zone; a connection nobody uses stays for `keepalive_s`.

    Every failure of a call is an `httpx.HTTPError`.
    """
    return _ZoneClient(
        base_url=base_url,
        headers={"Authorization": f"Bearer {credential}"},
        transport=_Transport(
            limits=httpx.Limits(max_connections=100, keepalive_expiry=keepalive_s),
            verify=client_context(),
        ),
        # The environment may name a proxy that knows nothing of zones.
        trust_env=False,
    )


class _ZoneClient(httpx.AsyncClient):
    async def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        answer = await super().send(request, **how)
        if answer.is_stream_consumed:
            # It refers back to its answer: a cycle, which keeps a body of megabytes until the
            # next look for those.
            answer.stream = httpx.ByteStream(b"")
        return answer


class _Transport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            # anyio, under uvloop, asks the socket of a connection that was reset as it was made.
            raise httpx.ConnectError("reset as the connection was made", request=request) from error
