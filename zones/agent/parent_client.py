"""The HTTP client with which an agent asks the zone above."""

import httpx

TIMEOUT_S = 5.0


def parent_client() -> httpx.AsyncClient:
    """Return a client whose every failure is an `httpx.HTTPError`; close it at the end."""
    # The environment may name a proxy that knows nothing of zones.
    return httpx.AsyncClient(transport=_Transport(), timeout=TIMEOUT_S, trust_env=False)


class _Transport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            # anyio, under uvloop, asks the socket of a connection that was reset as it was made.
            raise httpx.ConnectError("reset as the connection was made", request=request) from error
