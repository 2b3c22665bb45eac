"""Where the broker is and how the intake signs in there, from the zone's secrets."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from functions.runtime.tls import client_context

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class BadBroker(ValueError):
    """A secret is missing or wrong; names it and never shows a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """An MQTT 5 broker; `tls` is None where the connection is in the clear."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None

    @property
    def address(self) -> str:
        """Host and port as a person writes them."""
        return f"{self.host}:{self.port}"


def read_broker(secrets: Mapping[str, str]) -> Broker:
    """Read `broker_url` (`mqtt://` or `mqtts://`), `username`, `password` and maybe `ca` (PEM).

    Without `ca`, the authorities that the platform's other connections trust are trusted.

    Raises:
        BadBroker: one is missing, or cannot be used.
    """
    missing = [name for name in ("broker_url", "username", "password") if not secrets.get(name)]
    if missing:
        raise BadBroker(f"the secret {missing[0]} is missing")
    try:
        parts = urlsplit(secrets["broker_url"])
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadBroker("the secret broker_url is no URL") from error
    if parts.scheme not in _PORTS or not host or parts.path or parts.username or parts.query:
        raise BadBroker("the secret broker_url is not mqtt://host[:port] or mqtts://host[:port]")
    return Broker(
        host=host,
        port=port or _PORTS[parts.scheme],
        username=secrets["username"],
        password=secrets["password"],
        tls=_context(secrets.get("ca")) if parts.scheme == "mqtts" else None,
    )


def _context(authority: str | None) -> ssl.SSLContext:
    if authority is None:
        return client_context()
    try:
        return ssl.create_default_context(cadata=authority)
    except ssl.SSLError as error:
        raise BadBroker("the secret ca is no certificate in PEM") from error
