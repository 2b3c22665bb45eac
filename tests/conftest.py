"""Real servers for tests: one PostgreSQL and one Valkey a session, a fresh state for each test."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from deploy.servers.postgres import query, running_postgres
from deploy.servers.valkey import running_valkey

TEMPLATE = "gridfaas_template"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short folder for servers; pytest's own is closed to the account they run under."""
    folder = Path(tempfile.mkdtemp(prefix="gf-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[str]:
    """The administrator's URL of a running PostgreSQL, fsync on."""
    with running_postgres(server_folder / "pg", server_folder / "r") as server:
        yield server.url


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[str]:
    """The administrator's URL of a running Valkey, fsync before every answer."""
    with running_valkey(server_folder / "kv", server_folder / "r") as server:
        yield server.url


@pytest.fixture(scope="session")
def second_valkey(server_folder: Path) -> Iterator[str]:
    """The administrator's URL of another Valkey, so that two zones do not share one."""
    with running_valkey(server_folder / "kv2", server_folder / "r2") as server:
        yield server.url


@pytest.fixture
def redis_url(valkey_server: str) -> str:
    """The session's Valkey without keys, and with no users but the administrator."""
    with redis.Redis.from_url(valkey_server, decode_responses=True) as client:
        client.flushall()
        others = [name for name in client.acl_users() if name not in ("admin", "default")]
        if others:
            client.acl_deluser(*others)
    return valkey_server


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> tuple[str, frozenset[str]]:
    """A database with all migrations, made once, and the roles that exist with it."""
    # Imported here, so that unit tests do not pay for SQLAlchemy and Alembic.
    from storage.migrations import upgrade

    query(postgres_server, f"CREATE DATABASE {TEMPLATE}")
    upgrade(_on_database(postgres_server, TEMPLATE))
    return TEMPLATE, _roles(postgres_server)


@pytest.fixture
def database_url(
    postgres_server: str, template_database: tuple[str, frozenset[str]]
) -> Iterator[str]:
    """A fresh migrated database; it and the roles a test made are dropped afterwards."""
    template, roles = template_database
    name = f"test_{secrets.token_hex(6)}"
    query(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _on_database(postgres_server, name)
    query(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
    for role in sorted(_roles(postgres_server) - roles):
        query(postgres_server, f'DROP ROLE "{role}"')


def _roles(url: str) -> frozenset[str]:
    return frozenset(row["rolname"] for row in query(url, "SELECT rolname FROM pg_roles"))


def _on_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
