"""The HTTP client with which a service of the platform calls zones: its own and its parent."""

from collections.abc import Callable
from typing import Final

import httpx

from functions.runtime.tls import client_context

KEEPALIVE_S: Final = 5.0

NewZoneClient = Callable[[str], httpx.AsyncClient]
"""Makes a client of the zone whose gateway has this base URL."""


def zone_client(
    base_url: str, *, credential: str, keepalive_s: float = KEEPALIVE_S
) -> httpx.AsyncClient:
    """Return a client that calls as the zone; a connection nobody uses stays for `keepalive_s`."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Authorization": f"Bearer {credential}"},
        limits=httpx.Limits(max_connections=100, keepalive_expiry=keepalive_s),
        # The environment may name a proxy that knows nothing of zones.
        trust_env=False,
        verify=client_context(),
    )
