"""Replaying WAL: PostgreSQL runs alone on the restored folder until it has reached the moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.backup.failure import BackupFailure
from deploy.backup.target import instant
from deploy.servers.account import private_folder
from deploy.servers.embedded import ServerDidNotStart
from deploy.servers.postgres import PostgresServer, query

REPLAY_TIMEOUT_S: Final = 24 * 3_600.0
_SIGNAL: Final = "recovery.signal"
# No transaction was committed between the moment and the end of the archive: all of it is right.
_NOTHING_LATER: Final = "recovery ended before configured recovery target was reached"


@contextmanager
def recovered(
    state_dir: Path, run_dir: Path, *, wal: Path, moment: int | None, log_path: Path
) -> Iterator[PostgresServer]:
    """Give the server at `moment` (UTC in microseconds, None: the end of the WAL), writable.

    It is on a timeline of its own from there on. `wal` holds the segments, which the archive was
    seen to cover up to `moment`.

    Raises:
        BackupFailure: the moment was not reached.
    """
    settings = {
        "restore_command": f'cp "{wal}/%f" "%p"',
        "recovery_target_timeline": "latest",
        # Nobody reads what is not the whole yet.
        "hot_standby": "off",
    }
    target = {
        "recovery_target_time": "" if moment is None else instant(moment).replace("Z", "+00"),
        "recovery_target_action": "promote",
    }
    server = _server(state_dir, run_dir, log_path, settings | target)
    signal_file = state_dir / "data" / _SIGNAL
    signal_file.touch(0o600)
    _own(server, signal_file)
    try:
        try:
            server.start(timeout_s=REPLAY_TIMEOUT_S)
        except ServerDidNotStart as error:
            if moment is None or _NOTHING_LATER not in log_path.read_text(errors="replace"):
                raise BackupFailure(f"the WAL could not be replayed: {error}") from error
            server = _server(state_dir, run_dir, log_path, settings)
            server.start(timeout_s=REPLAY_TIMEOUT_S)
        if query(server.url, "SELECT pg_is_in_recovery() AS still")[0]["still"]:
            raise BackupFailure("PostgreSQL answers, but has not left its recovery")
        yield server
    finally:
        server.stop()


def _server(
    state_dir: Path, run_dir: Path, log_path: Path, settings: dict[str, str]
) -> PostgresServer:
    return PostgresServer(state_dir, run_dir, log_path=log_path, settings=settings)


def _own(server: PostgresServer, path: Path) -> None:
    private_folder(path.parent, server.account)
    if server.account.dropped:
        os.chown(path, server.account.uid, server.account.gid)
