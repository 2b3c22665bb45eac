"""The TLS settings that outgoing calls share."""

import functools
import ssl

import httpx


@functools.cache
def client_context() -> ssl.SSLContext:
    """Return the context for `httpx.AsyncClient(verify=client_context())`.

    The zygote builds it once: after a worker's drop of privileges the certificate bundle may be
    out of reach, and building it costs tens of milliseconds a start.
    """
    return httpx.create_ssl_context()
