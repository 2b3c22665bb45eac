"""Continuous archiving: WAL streamed by pg_receivewal through a slot, sealed and stored.

A slot keeps what was not received yet, so nothing is missed while the archiver is away, up to
PostgreSQL's `max_slot_wal_keep_size`. The segment that is still being written is stored again
and again, so that a restore reaches what was committed seconds ago.
"""

import fcntl
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.backup.client_tools import ClientTools, client_tools
from deploy.backup.failure import BackupFailure
from deploy.backup.manifest import WAL, Covered, covered_at, put_covered
from deploy.backup.sealing import Sealer
from deploy.backup.source import Source
from deploy.backup.vault import Vault
from deploy.backup.wal_names import HISTORY, PARTIAL, lsn_number, read_segment
from deploy.lab.home import Home
from deploy.servers.leashed import Leashed, launch
from deploy.servers.postgres import query

logger = logging.getLogger(__name__)

SLOT: Final = "gridfaas_archive"
RECEIVE_WAIT_S: Final = 30.0
SPOOL_LIMIT_BYTES: Final = 4 << 30
_STOP: Final = ((signal.SIGINT, 10.0),)
_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at"
# After the time was read: whatever was committed by then lies below.
_WRITTEN: Final = "SELECT pg_current_wal_insert_lsn()::text AS lsn"
_RECEIVED: Final = (
    "SELECT restart_lsn::text AS lsn, wal_status, active FROM pg_replication_slots"
    " WHERE slot_name = $1"
)
_DROP: Final = "SELECT pg_drop_replication_slot($1)"


class ArchiverRuns(BackupFailure):
    """Another process archives this record's WAL."""


class WalArchive:
    """Ships the WAL of one record; see `archiving`."""

    def __init__(
        self, source: Source, vault: Vault, sealer: Sealer, *, home: Home, tools: ClientTools
    ) -> None:
        self._source = source
        self._vault = vault
        self._sealer = sealer
        self._tools = tools
        self._spool = spool_folder(home)
        self._log = home.logs / "pg_receivewal.log"
        self._receiver: Leashed | None = None
        self._shipped_lsn = ""

    def ship(self) -> Covered:
        """Store all that was committed until now; return how far the archive goes.

        Raises:
            BackupFailure: it could not be received or stored; a later call goes on from there.
        """
        self._keep_receiving()
        at = query(self._source.database_url, _NOW)[0]["at"]
        lsn = query(self._source.database_url, _WRITTEN)[0]["lsn"]
        if lsn != self._shipped_lsn:
            self._await(lsn)
            for path in sorted(self._spool.iterdir()):
                self._ship_file(path)
        covered = Covered(
            until=at, lsn=lsn, system=self._source.system, timeline=self._source.timeline
        )
        put_covered(self._vault, covered)
        self._shipped_lsn = lsn
        return covered

    def stop(self) -> None:
        """End the receiver; the slot keeps what comes from now on."""
        if self._receiver is not None:
            self._receiver.stop(_STOP)
            self._receiver = None

    def _keep_receiving(self) -> None:
        if sum(path.stat().st_size for path in self._spool.iterdir()) > SPOOL_LIMIT_BYTES:
            # The address takes nothing: the slot holds WAL back from here on, up to its own bound.
            self.stop()
            for path in sorted(self._spool.iterdir()):
                self._ship_file(path)
        if self._receiver is not None and self._receiver.returncode() is None:
            return
        self.stop()
        self._make_slot()
        self._receiver = launch(
            self._tools.command(
                "pg_receivewal",
                *(f"--directory={self._spool}", f"--slot={SLOT}", "--synchronous"),
                *("--no-loop", "--no-password", "--status-interval=1"),
            ),
            log_path=self._log,
            env=self._tools.environment,
            death_signal=signal.SIGINT,
        )

    def _make_slot(self) -> None:
        held = query(self._source.database_url, _RECEIVED, SLOT)
        if held and held[0]["wal_status"] in ("lost", "unreserved"):
            logger.error("WAL was dropped before it was archived: a new base backup is needed")
            query(self._source.database_url, _DROP, SLOT)
            shutil.rmtree(self._spool)
            self._spool.mkdir(mode=0o700)
            held = []
        if not held:
            sql = "SELECT pg_create_physical_replication_slot($1, true)"
            query(self._source.database_url, sql, SLOT)

    def _await(self, lsn: str) -> None:
        deadline = time.monotonic() + RECEIVE_WAIT_S
        wanted = lsn_number(lsn)
        while True:
            held = query(self._source.database_url, _RECEIVED, SLOT)
            if held and held[0]["lsn"] and lsn_number(held[0]["lsn"]) >= wanted:
                return
            receiver = self._receiver
            if receiver is None or receiver.returncode() is not None or time.monotonic() > deadline:
                last = "" if receiver is None else " | ".join(receiver.log.last_lines()[-2:])
                raise BackupFailure(f"WAL up to {lsn} was not received: {last or 'no answer'}")
            time.sleep(0.05)

    def _ship_file(self, path: Path) -> None:
        name = f"{WAL}{path.name}"
        is_segment = read_segment(path.name, segment_bytes=self._source.segment_bytes) is not None
        if not is_segment and not path.name.endswith(HISTORY):
            return
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            # Its segment was completed meanwhile: it comes under its own name.
            return
        self._vault.put(name, self._sealer.seal(name, content))
        if is_segment and not path.name.endswith(PARTIAL):
            self._vault.delete(name + PARTIAL)
            path.unlink()


@contextmanager
def archiving(source: Source, vault: Vault, sealer: Sealer, *, home: Home) -> Iterator[WalArchive]:
    """Archive a record's WAL for the length of a block, on a thread that lives as long.

    Raises:
        ArchiverRuns: another process does.
        BackupFailure: the address holds the archive of another record, or of a later life of it.
    """
    require_own(vault, source)
    spool = spool_folder(home)
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(spool.parent / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiverRuns("another process archives the WAL of this record") from None
        with client_tools(source.programs, source.database_url) as tools:
            archive = WalArchive(source, vault, sealer, home=home, tools=tools)
            try:
                yield archive
            finally:
                archive.stop()
    finally:
        os.close(lock)


def end_archiving(source: Source, *, home: Home) -> None:
    """Have the record keep no WAL for an archiver any more, and drop what was not stored yet.

    Raises:
        ArchiverRuns: one is still at work.
    """
    held = query(source.database_url, _RECEIVED, SLOT)
    if held and held[0]["active"]:
        raise ArchiverRuns("somebody archives the WAL of this record: end that first")
    if held:
        query(source.database_url, _DROP, SLOT)
    shutil.rmtree(spool_folder(home), ignore_errors=True)


def require_own(vault: Vault, source: Source) -> None:
    """Raise BackupFailure when the address belongs to another record, or to a later life of it."""
    covered = covered_at(vault)
    if covered is None:
        return
    if covered.system != source.system:
        raise BackupFailure(f"{vault.address} holds the archive of another record")
    if covered.timeline > source.timeline:
        raise BackupFailure(
            f"{vault.address} holds the archive of a record that was restored from this one "
            f"(timeline {covered.timeline}, here {source.timeline}): choose another address"
        )


def spool_folder(home: Home) -> Path:
    """Where WAL waits until it is stored."""
    return home.state / "backup" / "spool"
