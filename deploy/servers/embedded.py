"""What embedded servers share: one life from launch to stop, with a deadline on each step."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from deploy.servers.account import Account, require_reach, server_account
from deploy.servers.failure import ServerFailure
from deploy.servers.leashed import Leashed, launch

SOCKET_PATH_LIMIT = 107
# A killed owner leaves its server shutting down; a start waits that long for the data folder.
LOCK_WAIT_S = 10.0
START_TIMEOUT_S = 60.0


class ServerDidNotStart(ServerFailure):
    """The server ended, or did not answer before the deadline."""


class DataFolderInUse(ServerFailure):
    """Another server is alive on the same data folder."""


class SocketPathTooLong(ServerFailure):
    """The kernel refuses unix socket paths above 107 bytes."""


class UnsafeSettings(ServerFailure):
    """The running server would lose acknowledged data."""


class NotReady(Exception):
    """The server does not answer yet; ask again."""


class EmbeddedServer(ABC):
    """A server process on a unix socket, over data that outlives it."""

    name: str
    stop_steps: Sequence[tuple[signal.Signals, float]]
    environment: Mapping[str, str] = MappingProxyType(
        {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    )
    """All that the server inherits."""

    def __init__(self, state_dir: Path, run_dir: Path, log_path: Path | None = None) -> None:
        self.state_dir = state_dir
        self.run_dir = run_dir
        self.account: Account = server_account()
        self._log_path = log_path or state_dir / f"{self.name}.log"
        self._child: Leashed | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The administrator's address, password included."""

    @property
    @abstractmethod
    def socket_path(self) -> Path:
        """Where the server listens."""

    @abstractmethod
    def find_binaries(self) -> None:
        """Look for what a start will run, once; nothing is started or made but copies of it.

        Raises:
            MissingServer: the message says what would help.
        """

    @abstractmethod
    def prepare(self) -> list[str]:
        """Make everything a start needs and return the command."""

    @abstractmethod
    def check(self) -> None:
        """Raise NotReady while it does not answer, UnsafeSettings when it must not be used."""

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""
        return self._child.pid if self._child is not None and self.alive() else None

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._child is not None and self._child.returncode() is None

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        return [] if self._child is None else self._child.log.last_lines()

    def launch(self) -> None:
        """Start the process without waiting for it to answer; one that was killed is reaped.

        Raises:
            ServerFailure: it cannot be started here.
        """
        self.stop()
        if len(str(self.socket_path).encode()) > SOCKET_PATH_LIMIT:
            raise SocketPathTooLong(
                f"{self.socket_path} is longer than {SOCKET_PATH_LIMIT} bytes: "
                "choose a shorter folder for sockets"
            )
        self.make_state_dir()
        self.find_binaries()
        self.run_dir.mkdir(parents=True, exist_ok=True)
        require_reach(self.run_dir / "socket", self.account)
        self._child = launch(
            self.prepare(),
            log_path=self._log_path,
            env=self.environment,
            account=self.account,
            death_signal=self.stop_steps[0][0],
            lock=self.state_dir / "lock",
            lock_wait_s=LOCK_WAIT_S,
        )

    def make_state_dir(self) -> None:
        """Make the folder; the account passes through it to its data.

        Raises:
            UnreachableFolder: it cannot pass through a parent.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if self.account.dropped:
            self.state_dir.chmod(0o711)
        require_reach(self.state_dir / "data", self.account)

    def wait_until_ready(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when the server answers and its settings are safe.

        Raises:
            DataFolderInUse, ServerDidNotStart, UnsafeSettings: it was stopped again.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._require_alive()
            try:
                self.check()
            except NotReady as reason:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                self.stop()
                raise ServerDidNotStart(
                    f"{self.name} did not answer within {timeout_s:.0f} s: {reason}"
                ) from reason
            except UnsafeSettings:
                self.stop()
                raise
            return

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start the process and wait until it can be used."""
        self.launch()
        self.wait_until_ready(timeout_s=timeout_s)

    def stop(self) -> None:
        """End the process in order, with its data on disk; a second call does nothing."""
        if self._child is not None:
            self._child.stop(self.stop_steps)
            self._child = None

    def _require_alive(self) -> None:
        if self._child is None:
            raise ServerDidNotStart(f"{self.name} was not launched")
        returncode = self._child.returncode()
        if returncode is None:
            return
        child, self._child = self._child, None
        child.log.close()
        if child.lock_was_taken():
            raise DataFolderInUse(f"another {self.name} is running on {self.state_dir}")
        last = " | ".join(child.log.last_lines()[-3:]) or "no output"
        raise ServerDidNotStart(
            f"{self.name} ended with status {returncode}: {last} (log: {self._log_path})"
        )
