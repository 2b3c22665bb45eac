"""Embedded servers, started for real, from PATH and from the wheel."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from deploy.servers.account import UnreachableFolder, server_account
from deploy.servers.allocator import jemalloc
from deploy.servers.binaries import MissingServer, find_postgres
from deploy.servers.embedded import DataFolderInUse, NotReady, SocketPathTooLong, UnsafeSettings
from deploy.servers.postgres import PostgresServer, check_postgres, query, running_postgres
from deploy.servers.valkey import ValkeyServer, check_valkey, running_valkey

NOWHERE = "/nonexistent"
OWNER = """
import sys, time
from pathlib import Path
from deploy.servers.{module} import {kind}
server = {kind}(Path(sys.argv[1]), Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(server_folder: Path, request: pytest.FixtureRequest) -> Path:
    path = server_folder / f"t{abs(hash(request.node.name)) % 10**8}"
    path.mkdir()
    path.chmod(0o711)
    return path


@pytest.fixture
def killed_owner(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    owners: list[subprocess.Popen[str]] = []
    yield owners
    for owner in owners:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()


def own(module: str, kind: str, folder: Path) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(module=module, kind=kind), folder / "s", folder / "r"],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    return owner, int(owner.stdout.readline())


def own_bytes(pid: int) -> int:
    memory = psutil.Process(pid).memory_info()
    return int(memory.rss - memory.shared)


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline, f"{pid} outlived its owner"
        time.sleep(0.05)


async def test_a_connection_to_postgres_gives_back_what_a_statement_needed(folder: Path) -> None:
    with running_postgres(folder / "s", folder / "r") as server:
        connection = await asyncpg.connect(server.url)
        try:
            before = own_bytes(connection.get_server_pid())
            # As much as was freed before is what glibc by itself expects to be needed again.
            for size in (20 << 20, 19 << 20):
                said = await connection.fetchval("SELECT length(repeat('x', $1))", size)
                assert said == size
            after = own_bytes(connection.get_server_pid())
        finally:
            await connection.close()

    assert after < before + (4 << 20)


@pytest.mark.parametrize("path", [pytest.param(None, id="from_path"), NOWHERE])
def test_postgres_keeps_what_was_committed_over_a_restart(folder: Path, path: str | None) -> None:
    with running_postgres(folder / "s", folder / "r", path=path) as server:
        query(server.url, "CREATE TABLE kept (n int)")
        query(server.url, "INSERT INTO kept VALUES (42)")
        assert psutil.Process(server.pid).uids().real == server_account().uid
    with running_postgres(folder / "s", folder / "r", path=path) as server:
        assert [row["n"] for row in query(server.url, "SELECT n FROM kept")] == [42]


def test_postgres_takes_no_login_without_the_password(postgres_server: str) -> None:
    user, _, rest = postgres_server.removeprefix("postgresql://").partition(":")
    stranger = f"postgresql://{user}:wrong@{rest.partition('@')[2]}"

    with pytest.raises(NotReady, match="password authentication failed"):
        check_postgres(stranger)


def test_postgres_listens_on_no_network_address(postgres_server: str) -> None:
    (row,) = query(postgres_server, "SHOW listen_addresses")

    assert row["listen_addresses"] == ""


def test_postgres_that_would_lose_commits_is_refused(folder: Path) -> None:
    with running_postgres(folder / "s", folder / "r") as server:
        query(server.url, "ALTER ROLE gridfaas SET synchronous_commit = off")
        with pytest.raises(UnsafeSettings, match="synchronous_commit=off"):
            check_postgres(server.url)


def test_the_password_is_readable_by_its_owner_alone(folder: Path) -> None:
    with running_valkey(folder / "s", folder / "r"):
        assert (folder / "s" / "password").stat().st_mode & 0o777 == 0o600


def test_data_of_another_version_is_not_touched(folder: Path) -> None:
    account = server_account()
    with pytest.raises(MissingServer, match=r"PostgreSQL 9 \(the version of its data\)"):
        find_postgres(account=account, copies=folder / "copies", major=9)


def test_postgres_ends_with_a_killed_owner_and_starts_again(
    folder: Path, killed_owner: list[subprocess.Popen[str]]
) -> None:
    owner, pid = own("postgres", "PostgresServer", folder)
    killed_owner.append(owner)
    owner.kill()

    # The first server may still be shutting down: the start waits for its data folder.
    with running_postgres(folder / "s", folder / "r") as server:
        assert server.pid != pid
        wait_for_end(pid)


def test_postgres_recovers_from_its_own_sigkill(folder: Path) -> None:
    server = PostgresServer(folder / "s", folder / "r")
    server.start()
    try:
        query(server.url, "CREATE TABLE kept AS SELECT 42 AS n")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        assert [row["n"] for row in query(server.url, "SELECT n FROM kept")] == [42]
    finally:
        server.stop()


def test_valkey_ends_with_a_killed_owner(
    folder: Path, killed_owner: list[subprocess.Popen[str]]
) -> None:
    owner, pid = own("valkey", "ValkeyServer", folder)
    killed_owner.append(owner)
    owner.kill()

    wait_for_end(pid)


def test_a_second_server_on_the_same_data_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.servers.embedded.LOCK_WAIT_S", 0.2)
    with running_valkey(folder / "s", folder / "r") as first:
        second = ValkeyServer(folder / "s", folder / "r2")
        with pytest.raises(DataFolderInUse, match="another valkey is running"):
            second.start()
        check_valkey(first.url)


def test_valkey_allocates_by_jemalloc_where_the_system_has_one(folder: Path) -> None:
    with running_valkey(folder / "s", folder / "r") as server:
        loaded = Path(f"/proc/{server.pid}/maps").read_text()

    assert ("libjemalloc" in loaded) is (jemalloc() is not None)


def test_valkey_keeps_keys_and_users_over_sigkill(folder: Path) -> None:
    server = ValkeyServer(folder / "s", folder / "r")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("acme:reading", "42")
            client.acl_setuser(
                "t:acme", enabled=True, nopass=True, keys=["acme:*"], commands=["+get"]
            )
            client.acl_save()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        with redis.Redis(unix_socket_path=str(server.socket_path), username="t:acme") as client:
            assert client.get("acme:reading") == b"42"
    finally:
        server.stop()


def test_valkey_keeps_transactions_over_sigkill(folder: Path) -> None:
    server = ValkeyServer(folder / "s", folder / "r")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            # A function's writes are in the log as a transaction.
            client.eval("redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2)", 2, "a", "b")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.mget("a", "b") == [b"1", b"2"]
    finally:
        server.stop()


def test_valkey_knows_no_default_user(redis_url: str) -> None:
    path = redis_url.removeprefix("unix://").partition("?")[0]
    with (
        redis.Redis(unix_socket_path=path) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_valkey_that_would_lose_answers_is_refused(folder: Path) -> None:
    with running_valkey(folder / "s", folder / "r") as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("appendfsync", "everysec")
        with pytest.raises(UnsafeSettings, match="appendfsync=everysec"):
            check_valkey(server.url)


def test_valkey_that_would_forget_transactions_is_refused(folder: Path) -> None:
    with running_valkey(folder / "s", folder / "r") as server:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("ACL", "SETUSER", "default", "-@all")
        with pytest.raises(UnsafeSettings, match="user default"):
            check_valkey(server.url)


def test_a_socket_path_that_the_kernel_refuses_is_named(folder: Path) -> None:
    with pytest.raises(SocketPathTooLong, match="107"):
        ValkeyServer(folder / "s", folder / ("r" * 100)).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_a_closed_parent_is_named(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(UnreachableFolder, match="GRIDFAAS_HOME"):
        ValkeyServer(closed / "s", folder / "r").start()
