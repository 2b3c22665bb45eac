"""PostgreSQL: the cold store's server, on a unix socket, with passwords and fsync."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import asyncpg

from deploy.servers.account import Account, private_folder, socket_folder
from deploy.servers.binaries import PostgresBinaries, find_postgres
from deploy.servers.embedded import EmbeddedServer, NotReady, ServerDidNotStart, UnsafeSettings
from deploy.servers.leashed import run_to_end
from deploy.servers.secret_file import lasting_password

ADMIN = "gridfaas"
DATABASE = "gridfaas"
PORT = 5432
# For 112 tenants, beside what the platform itself needs; an idle one costs next to nothing.
MAX_CONNECTIONS = 500
INITDB_TIMEOUT_S = 120
MOST_WAL_KEPT = "8GB"
# What "acknowledged" rests on: a COMMIT that has reached the disk.
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# By itself glibc keeps as much free as twice the largest piece that was ever freed: 20 MiB and more
# a connection.
GIVING_BACK = {"MALLOC_TRIM_THRESHOLD_": str(1 << 20)}


class PostgresServer(EmbeddedServer):
    """One PostgreSQL over `state_dir`/data, listening below `run_dir`."""

    name = "postgres"
    environment = MappingProxyType({**EmbeddedServer.environment, **GIVING_BACK})
    # SIGINT is the fast shutdown: sessions end, data is checkpointed; SIGQUIT leaves a recovery.
    stop_steps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))

    def __init__(
        self,
        state_dir: Path,
        run_dir: Path,
        *,
        log_path: Path | None = None,
        path: str | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Prepare nothing yet; `path` replaces $PATH in the search for binaries.

        `settings` are further ones of PostgreSQL's, for this start alone.
        """
        super().__init__(state_dir, run_dir, log_path)
        self._settings = dict(settings)
        self._path = path
        self._password: str | None = None
        self._binaries: PostgresBinaries | None = None

    @property
    def url(self) -> str:
        """DSN of the administrator, as asyncpg takes it."""
        if self._password is None:
            self._password = lasting_password(self.state_dir / "password")
        host = self.socket_path.parent
        return f"postgresql://{ADMIN}:{self._password}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def socket_path(self) -> Path:
        """The socket; PostgreSQL derives its name from the port."""
        return self.run_dir / "pg" / f".s.PGSQL.{PORT}"

    def find_binaries(self) -> None:
        """Look for PostgreSQL, of the version of the data that is there."""
        if self._binaries is None:
            self.make_state_dir()
            version = self._version_file
            self._binaries = find_postgres(
                account=self.account,
                copies=self.state_dir / "binaries",
                major=int(version.read_text()) if version.exists() else None,
                path=self._path,
            )

    def prepare(self) -> list[str]:
        """Create the cluster on the first start, and return the command that runs it."""
        self.find_binaries()
        binaries = self._binaries
        assert binaries is not None
        data = self.state_dir / "data"
        if not self._version_file.exists():
            _create_cluster(
                binaries,
                data=data,
                account=self.account,
                password=lasting_password(self.state_dir / "password"),
            )
        folder = socket_folder(self.socket_path.parent, self.account)
        settings = SAFE | {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "unix_socket_permissions": "0777" if self.account.dropped else "0700",
            "port": str(PORT),
            "max_connections": str(MAX_CONNECTIONS),
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            # A backup that stopped coming must not fill the disk of the record.
            "max_slot_wal_keep_size": MOST_WAL_KEPT,
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries.postgres), "-D", str(data), *options]

    @property
    def _version_file(self) -> Path:
        return self.state_dir / "data" / "PG_VERSION"

    def check(self) -> None:
        """Connect as the administrator and read the settings back."""
        check_postgres(self.url)


@contextmanager
def running_postgres(
    state_dir: Path, run_dir: Path, *, path: str | None = None
) -> Iterator[PostgresServer]:
    """Run a PostgreSQL for the length of a `with` block."""
    server = PostgresServer(state_dir, run_dir, path=path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def check_postgres(url: str) -> None:
    """Raise NotReady when nobody answers, UnsafeSettings when a COMMIT would not be durable."""
    try:
        rows = query(url, "SELECT name, setting FROM pg_settings WHERE name = ANY($1)", list(SAFE))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(str(error) or type(error).__name__) from error
    wrong = {row["name"]: row["setting"] for row in rows if row["setting"] != SAFE[row["name"]]}
    if wrong:
        found = ", ".join(f"{name}={value}" for name, value in sorted(wrong.items()))
        raise UnsafeSettings(f"PostgreSQL would lose acknowledged data: {found}")


def query(url: str, sql: str, *arguments: object, timeout_s: float = 10.0) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own and return its rows.

    Works inside and outside of an event loop, as it brings its own on another thread.
    """

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url, timeout=timeout_s)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments, timeout=timeout_s)
        finally:
            await connection.close(timeout=timeout_s)
        return rows

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(run())).result(3 * timeout_s)


def _create_cluster(
    binaries: PostgresBinaries, *, data: Path, account: Account, password: str
) -> None:
    """Make the cluster and its database beside `data`, then move it there whole."""
    work = private_folder(data.with_name("data.new"), account)
    shutil.rmtree(work)
    private_folder(work, account)
    handed = private_folder(data.with_name("handed"), account) / "password"
    try:
        handed.touch(0o600)
        os.chown(handed, account.uid, account.gid)
        handed.write_text(password)
        _run(
            [
                *(str(binaries.initdb), "-D", str(work), "--username", ADMIN),
                *("--pwfile", str(handed), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--data-checksums"),
            ],
            account=account,
        )
    finally:
        shutil.rmtree(handed.parent)
    _run(
        [str(binaries.postgres), "--single", "-D", str(work), "postgres"],
        account=account,
        stdin=f"CREATE DATABASE {DATABASE}\n",
    )
    work.rename(data)


def _run(command: list[str], *, account: Account, stdin: str = "") -> None:
    step = Path(command[0]).name
    try:
        done = run_to_end(command, account=account, timeout_s=INITDB_TIMEOUT_S, stdin=stdin)
    except subprocess.TimeoutExpired as error:
        raise ServerDidNotStart(f"{step} took longer than {INITDB_TIMEOUT_S} s") from error
    # The single-user server ends with 0 even when a statement failed.
    if done.returncode != 0 or "ERROR:" in done.stdout:
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise ServerDidNotStart(f"{step} failed with status {done.returncode}: {last}")
