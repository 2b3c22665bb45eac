"""Valkey (or Redis >= 7.0): a zone's hot store, on a unix socket, durable before it answers."""

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.servers.account import private_folder, socket_folder
from deploy.servers.allocator import allocator_environment
from deploy.servers.binaries import find_valkey
from deploy.servers.embedded import EmbeddedServer, NotReady, UnsafeSettings
from deploy.servers.secret_file import lasting_password

ADMIN = "admin"
# What "acknowledged" rests on: an answer leaves after the fsync, and nothing is evicted.
SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


class ValkeyServer(EmbeddedServer):
    """One Valkey over `state_dir`/data, listening below `run_dir`."""

    name = "valkey"
    stop_steps = ((signal.SIGTERM, 20.0),)

    def __init__(
        self,
        state_dir: Path,
        run_dir: Path,
        *,
        log_path: Path | None = None,
        path: str | None = None,
    ) -> None:
        """Prepare nothing yet; `path` replaces $PATH in the search for binaries."""
        super().__init__(state_dir, run_dir, log_path)
        self._path = path
        self._binary: Path | None = None
        self.environment = {**EmbeddedServer.environment, **allocator_environment()}

    @property
    def password(self) -> str:
        """The administrator's password, made on first use."""
        return lasting_password(self.state_dir / "password")

    @property
    def url(self) -> str:
        """Address of the administrator, as redis-py takes it."""
        return f"unix://{quote(str(self.socket_path))}?username={ADMIN}&password={self.password}"

    @property
    def socket_path(self) -> Path:
        """Where it listens."""
        return self.run_dir / "kv" / "redis.sock"

    def find_binaries(self) -> None:
        """Look for Valkey or Redis."""
        if self._binary is None:
            self.make_state_dir()
            copies = self.state_dir / "binaries"
            self._binary = find_valkey(account=self.account, copies=copies, path=self._path)

    def prepare(self) -> list[str]:
        """Write configuration and administrator, and return the command."""
        self.find_binaries()
        data = private_folder(self.state_dir / "data", self.account)
        socket_folder(self.socket_path.parent, self.account)
        # A socket that a killed server left behind would answer "connection refused".
        self.socket_path.unlink(missing_ok=True)
        users = data / "users.acl"
        others = _users_but_ours(users)
        self._hand_over(users, "\n".join([*platform_users(self.password), *others, ""]))
        config = data / "valkey.conf"
        self._hand_over(config, self._configuration(data, users))
        return [str(self._binary), str(config)]

    def check(self) -> None:
        """Connect as the administrator and read the settings back."""
        check_valkey(self.url)

    def _configuration(self, data: Path, users: Path) -> str:
        settings = SAFE | {
            "port": "0",
            "unixsocket": f'"{self.socket_path}"',
            "unixsocketperm": "777" if self.account.dropped else "700",
            "dir": f'"{data}"',
            "aclfile": f'"{users}"',
            "daemonize": "no",
            "save": '""',
            "no-appendfsync-on-rewrite": "no",
            "auto-aof-rewrite-percentage": "100",
            # A rewrite slows writes by a third; a log of this size is read back in seconds.
            "auto-aof-rewrite-min-size": "256mb",
            "maxmemory": str(psutil.virtual_memory().total // 4),
            "maxclients": "1000",
            # Keys are all over the memory, and small pages are looked up more often than kept.
            "disable-thp": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _hand_over(self, path: Path, text: str) -> None:
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(0o600)
        fresh.write_text(text)
        if self.account.dropped:
            os.chown(fresh, self.account.uid, self.account.gid)
        fresh.replace(path)


@contextmanager
def running_valkey(
    state_dir: Path, run_dir: Path, *, path: str | None = None
) -> Iterator[ValkeyServer]:
    """Run a Valkey for the length of a `with` block."""
    server = ValkeyServer(state_dir, run_dir, path=path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def check_valkey(url: str) -> None:
    """Raise NotReady when nobody answers, UnsafeSettings when an answer would not be durable."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=5,
        socket_connect_timeout=5,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        with client:
            found = client.config_get(*SAFE)
            default = client.acl_getuser("default") or {}
    except (redis.RedisError, OSError) as error:
        raise NotReady(str(error) or type(error).__name__) from error
    wrong = [f"{name}={found.get(name)}" for name in SAFE if found.get(name) != SAFE[name]]
    if wrong:
        raise UnsafeSettings(f"the hot store would lose acknowledged data: {', '.join(wrong)}")
    if default.get("categories") != ["+@all"] or default.get("keys") != ["~*"]:
        raise UnsafeSettings(
            "the hot store would lose acknowledged data: it reads its log as user default, who "
            "must be off and allowed everything (user default off resetpass ~* &* +@all)"
        )


def platform_users(password: str) -> list[str]:
    """Return the ACL lines of the administrator, and of a default user that nobody can be.

    A server reads its append-only log as the default user, and all but the newest Redis and
    Valkey drop in silence each transaction in it that this user may not run, which is every write
    of a function: redis/redis#14541, valkey-io/valkey#3983. So it is off, and allowed everything.
    """
    digest = hashlib.sha256(password.encode()).hexdigest()
    return [
        "user default off resetpass ~* &* +@all",
        f"user {ADMIN} on #{digest} ~* &* +@all",
    ]


def _users_but_ours(users: Path) -> list[str]:
    """Return the lines of users that others saved: a restart must not forget the tenants."""
    if not users.exists():
        return []
    ours = (f"user {ADMIN} ", "user default ")
    return [line for line in users.read_text().splitlines() if line and not line.startswith(ours)]
