"""Restoring a record into a new home, and what has to be done before zones meet it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from deploy.backup.failure import BackupFailure
from deploy.backup.manifest import Manifest
from deploy.backup.recovery import REPLAY_TIMEOUT_S, recovered
from deploy.backup.sealing import Sealer
from deploy.backup.target import Way, find_way
from deploy.backup.unpacking import (
    remove_wal,
    unpack_base,
    unpack_files,
    unpack_wal,
    verify_base,
)
from deploy.backup.vault import Vault
from deploy.lab.day import widen_days
from deploy.lab.home import Home, make_home
from deploy.lab.lock import hold_lab
from deploy.lab.reporting import Reporter
from deploy.servers.account import server_account
from deploy.servers.binaries import find_postgres
from deploy.servers.postgres import PostgresServer, query
from storage.platform.registry import open_registry
from storage.platform.snapshot import Position

_LIVE_KEYS: Final = "SELECT count(*) AS live FROM platform.api_keys WHERE revoked_at IS NULL"
_SLOTS: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
_SCHEMAS: Final = "SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 't\\_%'"
_SPAN: Final = """
    SELECT min(first) AS first, max(last) AS last FROM (
        SELECT min(day) AS first, max(day) AS last FROM "{0}".blocks
        UNION ALL SELECT min(first_day), max(last_day) FROM "{0}".tail
    ) AS spans
"""
_TIMELINE: Final = "SELECT timeline_id AS timeline FROM pg_control_checkpoint()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A record that was put back, while its server still runs alone; `live_keys` work again."""

    home: Home
    base: Manifest
    moment: int | None
    incarnation: int
    timeline: int
    live_keys: int
    database_url: str = field(repr=False)


@contextmanager
def restored_record(
    vault: Vault,
    sealer: Sealer,
    *,
    home: Home,
    moment: int | None,
    backup: str | None = None,
    reporter: Reporter,
) -> Iterator[Restored]:
    """Restore into `home`, which must be new, and give the record for the length of a block.

    The record begins a new incarnation there, so that every zone takes it anew.

    Raises:
        BackupFailure, ServerFailure: it could not be restored; what is there is of no use.
    """
    if home.state.exists() and any(home.state.iterdir()):
        raise BackupFailure(f"{home.state} is not empty: restore into a new folder")
    way = find_way(vault, moment=moment, backup=backup)
    make_home(home)
    with hold_lab(home.state):
        account = server_account()
        state = home.server_state("postgres")
        server = PostgresServer(state, home.run / "restore")
        server.make_state_dir()
        programs = find_postgres(
            account=account, copies=state / "binaries", major=way.base.postgres
        ).postgres.parent
        reporter.step(f"laying out backup {way.base.id}")
        unpack_files(vault, sealer, way.base, home=home)
        unpack_base(vault, sealer, way.base, data=state / "data", account=account)
        verify_base(programs, state / "data", account=account)
        with _replayed(vault, sealer, way, home=home, state=state, reporter=reporter) as server:
            position = asyncio.run(_begin_incarnation(server.url))
            _count_days(server.url, home)
            yield Restored(
                home=home,
                base=way.base,
                moment=moment,
                incarnation=position.incarnation,
                timeline=query(server.url, _TIMELINE)[0]["timeline"],
                live_keys=query(server.url, _LIVE_KEYS)[0]["live"],
                database_url=server.url,
            )


@contextmanager
def _replayed(
    vault: Vault, sealer: Sealer, way: Way, *, home: Home, state: Path, reporter: Reporter
) -> Iterator[PostgresServer]:
    wal = state / "wal"
    reporter.step(f"replaying {len(way.wal)} files of WAL")
    unpack_wal(vault, sealer, way, folder=wal, account=server_account())
    try:
        home.run.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        with recovered(
            state,
            home.run / "restore",
            wal=wal,
            moment=way.moment,
            log_path=home.logs / "restore.log",
        ) as server:
            # Slots of the source's archivers, which would hold WAL back here for nobody.
            query(server.url, _SLOTS)
            yield server
    finally:
        remove_wal(wal)


def _count_days(database_url: str, home: Home) -> None:
    """The lab's next day comes after those that the record has: its edges have seen none of them.

    A day that they took for new would be there already.
    """
    spans = [
        row
        for schema in query(database_url, _SCHEMAS)
        for row in query(database_url, _SPAN.format(schema["name"]), timeout_s=REPLAY_TIMEOUT_S)
        if row["first"] is not None
    ]
    if spans:
        since = date(1970, 1, 1)
        widen_days(
            home.state / "day.json",
            first=since + timedelta(days=min(row["first"] for row in spans)),
            last=since + timedelta(days=max(row["last"] for row in spans)),
        )


async def _begin_incarnation(database_url: str) -> Position:
    async with open_registry(
        database_url, pool_size=1, application_name="gridfaas-restore"
    ) as registry:
        held = await registry.settle()
        # Also where nobody had looked at the record before it was backed up.
        return await registry.settle(seen=Position(held.incarnation, held.version + 1))
