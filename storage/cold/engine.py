"""Connections to PostgreSQL from one form of URL, for SQLAlchemy and for asyncpg itself.

The form is libpq's, `postgresql://user:password@/db?host=/socket/folder&port=5432` or with a TCP
host in the usual place; user, password and database are percent-encoded where they need it.
"""

from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.asyncio import create_async_engine as sqlalchemy_engine

CONNECT_TIMEOUT_S: Final = 10.0
COMMAND_TIMEOUT_S: Final = 30.0
LOCK_TIMEOUT_S: Final = 10.0
"""Tenants may lock their own tables: nobody of the platform waits longer for one."""


class UnusableDatabaseUrl(ValueError):
    """The URL is not one of PostgreSQL. The message never repeats it: it may hold a password."""

    def __init__(self) -> None:
        super().__init__("the database URL must start with postgresql://")


async def connect(
    database_url: str,
    *,
    application_name: str = "gridfaas",
    command_timeout_s: float = COMMAND_TIMEOUT_S,
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one asyncpg connection; each of its commands ends within `command_timeout_s`.

    Raises:
        UnusableDatabaseUrl: the URL is of another kind.
        OSError, asyncpg.PostgresError: the server cannot be reached, or refuses.
    """
    return await asyncpg.connect(
        _checked(database_url),
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=command_timeout_s,
        server_settings={
            "application_name": application_name,
            "lock_timeout": f"{LOCK_TIMEOUT_S:.0f}s",
        },
    )


def create_engine(
    database_url: str,
    *,
    pool_size: int = 4,
    application_name: str = "gridfaas",
    command_timeout_s: float = COMMAND_TIMEOUT_S,
) -> AsyncEngine:
    """Make a SQLAlchemy engine of at most `pool_size` connections; none is opened yet.

    A caller waits at most `CONNECT_TIMEOUT_S` for a free connection. The owner disposes of it.

    Raises:
        UnusableDatabaseUrl: the URL is of another kind.
    """
    dsn = _checked(database_url)

    async def open_connection(*_: Any, **__: Any) -> "asyncpg.Connection[asyncpg.Record]":
        return await connect(
            dsn, application_name=application_name, command_timeout_s=command_timeout_s
        )

    return sqlalchemy_engine(
        "postgresql+asyncpg://",
        async_creator=open_connection,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def with_login(database_url: str, *, user: str, password: str) -> str:
    """Return the same server and database with another login, percent-encoded.

    Raises:
        UnusableDatabaseUrl: the URL is of another kind.
    """
    parts = urlsplit(_checked(database_url))
    address = parts.netloc.rpartition("@")[2]
    # These would win over the login in front of the address.
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in {"user", "password", "passfile"}
    ]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{address}", query=urlencode(query, safe="/")))


def _checked(database_url: str) -> str:
    if not database_url.startswith(("postgresql://", "postgres://")):
        raise UnusableDatabaseUrl
    return database_url
