"""Where a Redis is and who we are there, from a URL in redis-py's form."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

P = TypeVar("P", bound=asyncio.Protocol)

DEFAULT_PORT = 6379


class UrlRefused(ValueError):
    """The URL names no Redis that we could reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`path` of a unix socket, or `host` and `port`; never shown with its password."""

    path: str | None
    host: str
    port: int
    tls: ssl.SSLContext | None
    username: str | None
    password: str | None
    database: int

    @classmethod
    def of(cls, url: str) -> "Address":
        """Read unix://, redis:// or rediss://, with credentials before the host or in the query.

        `ssl_ca_certs` names a file of certificates to trust in place of the system's.

        Raises:
            UrlRefused: another scheme, or a database that is no number.
        """
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.scheme not in ("unix", "redis", "rediss"):
            raise UrlRefused("a URL of unix://, redis:// or rediss:// is needed")
        is_unix = parts.scheme == "unix"
        database = query.get("db") or ("" if is_unix else parts.path.strip("/")) or "0"
        if not database.isdecimal():
            raise UrlRefused(f"the database {database!r} is no number")
        tls = parts.scheme == "rediss"
        return cls(
            path=unquote(parts.path) if is_unix else None,
            host=parts.hostname or "localhost",
            port=parts.port or DEFAULT_PORT,
            tls=ssl.create_default_context(cafile=query.get("ssl_ca_certs")) if tls else None,
            username=query.get("username") or (unquote(parts.username) if parts.username else None),
            password=query.get("password") or (unquote(parts.password) if parts.password else None),
            database=int(database),
        )

    def __repr__(self) -> str:
        """Name the server without the credentials."""
        return f"Address({self.path or f'{self.host}:{self.port}'!r})"

    async def open(self, make: Callable[[], P]) -> P:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        loop = asyncio.get_running_loop()
        if self.path is not None:
            return (await loop.create_unix_connection(make, self.path))[1]
        return (await loop.create_connection(make, self.host, self.port, ssl=self.tls))[1]

    def introduction(self) -> list[tuple[str, ...]]:
        """The commands that a connection begins with."""
        commands: list[tuple[str, ...]] = []
        if self.password is not None:
            names = (self.username,) if self.username else ()
            commands.append(("AUTH", *names, self.password))
        if self.database:
            commands.append(("SELECT", str(self.database)))
        return commands
