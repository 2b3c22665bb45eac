"""Backups of a record in use: restored elsewhere, to a moment, every block as it was then."""

import asyncio
import random
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.backup.cluster_backup import take_base_backup
from deploy.backup.drill import drill
from deploy.backup.failure import BackupFailure
from deploy.backup.fingerprint import compare, print_at_moment, print_at_rest
from deploy.backup.folder_vault import FolderVault
from deploy.backup.manifest import BACKUPS, WAL, Manifest, backups_at
from deploy.backup.restoring import Restored, restored_record
from deploy.backup.retention import drop_old
from deploy.backup.sealing import ObjectDamaged, Sealer
from deploy.backup.source import Source, source_of
from deploy.backup.target import NotRestorable
from deploy.backup.wal_archive import ArchiverRuns, archiving
from deploy.backup.wal_names import place_of, read_segment
from deploy.lab.home import Home, make_home
from deploy.servers.postgres import PostgresServer, query
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.migrations import upgrade
from storage.platform.registry import open_registry
from storage.platform.snapshot import Position
from tests.contract.record_versions import a_day_of_traffic
from tests.e2e.lab import Silent
from tests.integration.storage.cold.tenant import SCHEMA, provisioned

HQ = "zone-1"
PATIENCE_S = 60.0

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Record:
    """A home with a running record, where its backups go, and the tenant's own login."""

    home: Home
    source: Source
    vault: FolderVault
    tenant_url: str


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that the server's account reaches."""
    made = Path(tempfile.mkdtemp(prefix="gf-backup-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def record(folder: Path) -> Iterator[Record]:
    home = Home(folder / "state", folder / "run")
    make_home(home)
    (home.state / "keys.json").write_text('{"admin": "of headquarters"}')
    server = PostgresServer(home.server_state("postgres"), home.run / "z")
    try:
        server.start()
        upgrade(server.url)
        tenant_url = asyncio.run(provisioned(server.url))
        source = source_of(server.url, copies=server.state_dir / "binaries")
        yield Record(home, source, FolderVault(folder / "kept"), tenant_url)
    finally:
        server.stop()


@contextmanager
def load(record: Record) -> Iterator[threading.Event]:
    """Append and fold without end beside the block; the event is set after some of it."""
    began, stop = threading.Event(), threading.Event()
    failed: list[Exception] = []

    async def send() -> None:
        rng = random.Random(7)
        async with open_pool(record.tenant_url) as pool:
            store = PostgresRecordStore(pool)
            seed = 0
            while not stop.is_set():
                entries = a_day_of_traffic(seed)
                for at in range(0, len(entries), 5):
                    shifted = [
                        type(one)(one.edge, one.sequence + seed * 10**6, one.excluded, one.payload)
                        for one in entries[at : at + 5]
                    ]
                    await store.append(shifted)
                    await store.fold(max_entries=rng.randrange(1, 8))
                    if stop.is_set():
                        break
                seed += 1
                began.set()

    def run() -> None:
        try:
            asyncio.run(send())
        except Exception as error:  # noqa: BLE001  # told to the test's own thread
            failed.append(error)
            began.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert began.wait(PATIENCE_S)
        yield began
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not failed


def taken(record: Record, sealer: Sealer) -> Manifest:
    return take_base_backup(record.source, record.vault, sealer, home=record.home, headquarters=HQ)


@contextmanager
def restored(
    record: Record, sealer: Sealer, folder: Path, *, moment: int | None = None
) -> Iterator[Restored]:
    name = f"e{secrets.token_hex(2)}"
    elsewhere = Home(folder / name, folder / f"{name}r")
    with restored_record(
        record.vault, sealer, home=elsewhere, moment=moment, reporter=Silent()
    ) as found:
        yield found


def count(url: str, table: str) -> int:
    return int(query(url, f"SELECT count(*) AS rows FROM {SCHEMA}.{table}")[0]["rows"])


def test_a_drill_under_load_finds_every_block_as_it_was_at_the_moment(
    record: Record, folder: Path
) -> None:
    sealer = Sealer(secrets.token_bytes(32))
    with load(record), archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        taken(record, sealer)
        archive.ship()
        before = count(record.source.database_url, "uplink_position")
        archive.stop()
        # The drill archives by itself what was committed up to its moment.
    with load(record):
        found = drill(
            record.source,
            record.vault,
            sealer,
            home=record.home,
            scratch=folder,
            reporter=Silent(),
        )

    assert [table for table in found.tables if not table.equal] == []
    assert found.blocks > 10
    assert before > 0
    assert {table.table for table in found.tables} >= {
        f"{SCHEMA}.{name}" for name in ("blocks", "event_blocks", "tail", "revisions", "meters")
    }
    assert not list(folder.glob("gf-drill-*"))


def test_what_was_done_after_the_moment_is_undone_and_the_record_is_a_new_incarnation(
    record: Record, folder: Path
) -> None:
    sealer = Sealer(None)
    url = record.source.database_url
    with archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        taken(record, sealer)
        with load(record):
            ours = folder / "ours"
            ours.mkdir()
            moment = asyncio.run(print_at_moment(url, ours))
        query(url, f"DELETE FROM {SCHEMA}.blocks")
        archive.ship()
    before = asyncio.run(position(url))
    with restored(record, sealer, folder, moment=moment) as found:
        theirs = folder / "theirs"
        theirs.mkdir()
        asyncio.run(print_at_rest(found.database_url, theirs))
        after = asyncio.run(position(found.database_url))

        assert count(found.database_url, "blocks") > 0
        assert query(found.database_url, "SELECT FROM pg_replication_slots") == []
    assert [table for table in compare(ours, theirs) if not table.equal] == []
    assert count(url, "blocks") == 0
    assert after > before
    assert after.incarnation == found.incarnation
    assert found.timeline == record.source.timeline + 1
    assert (found.home.state / "keys.json").read_text() == '{"admin": "of headquarters"}'


async def position(url: str) -> Position:
    async with open_registry(url, pool_size=1) as registry:
        return await registry.settle()


def test_a_moment_after_the_last_commit_is_reached_with_all_there_is(
    record: Record, folder: Path
) -> None:
    sealer = Sealer(None)
    with archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        taken(record, sealer)
        with load(record):
            pass
        covered = archive.ship()
    rows = count(record.source.database_url, "blocks")
    with restored(record, sealer, folder, moment=covered.until) as found:
        assert count(found.database_url, "blocks") == rows


def test_a_restored_server_can_be_backed_up_but_not_into_the_archive_of_its_source(
    record: Record, folder: Path
) -> None:
    sealer = Sealer(None)
    with archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        taken(record, sealer)
        covered = archive.ship()
    with restored(record, sealer, folder, moment=covered.until) as found:
        later = source_of(found.database_url, copies=folder / "copies")
        with archiving(later, record.vault, sealer, home=found.home) as archive:
            archive.ship()
    with (
        pytest.raises(BackupFailure, match="restored from this one"),
        archiving(record.source, record.vault, sealer, home=record.home),
    ):
        pass


def test_only_one_archives(record: Record) -> None:
    sealer = Sealer(None)
    with (
        archiving(record.source, record.vault, sealer, home=record.home),
        pytest.raises(ArchiverRuns),
        archiving(record.source, record.vault, sealer, home=record.home),
    ):
        pass


@pytest.mark.parametrize("part", ["base/000000", "files/000000"])
def test_a_damaged_backup_is_refused(record: Record, folder: Path, part: str) -> None:
    sealer = Sealer(secrets.token_bytes(32))
    manifest = taken(record, sealer)
    name = f"{BACKUPS}{manifest.id}/{part}"
    stored = bytearray(record.vault.get(name) or b"")
    stored[len(stored) // 2] ^= 1
    record.vault.put(name, bytes(stored))

    with pytest.raises(ObjectDamaged), restored(record, sealer, folder):
        pass


def test_another_key_opens_nothing_and_no_secret_lies_open(record: Record, folder: Path) -> None:
    sealer = Sealer(secrets.token_bytes(32))
    taken(record, sealer)
    kept = b"".join(path.read_bytes() for path in (folder / "kept").rglob("*") if path.is_file())

    assert b"of headquarters" not in kept
    for other in (Sealer(secrets.token_bytes(32)), Sealer(None)):
        with pytest.raises(ObjectDamaged), restored(record, other, folder):
            pass


def test_a_missing_segment_is_named_and_nothing_beyond_it_is_promised(
    record: Record, folder: Path
) -> None:
    sealer = Sealer(None)
    with archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        taken(record, sealer)
        for _ in range(3):
            with load(record):
                pass
            query(record.source.database_url, "SELECT pg_switch_wal()")
            covered = archive.ship()
    names = [name for name in record.vault.names(WAL) if not name.endswith(".partial")]
    record.vault.delete(names[-2])

    with (
        pytest.raises(NotRestorable, match="gap"),
        restored(record, sealer, folder, moment=covered.until),
    ):
        pass


def test_moments_outside_of_the_archive_are_refused(record: Record, folder: Path) -> None:
    sealer = Sealer(None)
    with pytest.raises(NotRestorable, match="no backup"), restored(record, sealer, folder):
        pass
    manifest = taken(record, sealer)
    for moment, why in ((manifest.began_at, "oldest"), (manifest.finished_at + 1, "goes to")):
        with (
            pytest.raises(NotRestorable, match=why),
            restored(record, sealer, folder, moment=moment),
        ):
            pass


def test_the_oldest_backups_go_with_their_wal(record: Record, folder: Path) -> None:
    sealer = Sealer(None)
    with archiving(record.source, record.vault, sealer, home=record.home) as archive:
        archive.ship()
        first = taken(record, sealer)
        query(record.source.database_url, "SELECT pg_switch_wal()")
        archive.ship()
        second, third = taken(record, sealer), taken(record, sealer)
        before = set(record.vault.names(WAL))
        gone = drop_old(record.vault, keep=2)
        left = set(record.vault.names(WAL))
        covered = archive.ship()

    assert gone == [first.id]
    assert [manifest.id for manifest in backups_at(record.vault)] == [second.id, third.id]
    assert not record.vault.names(f"{BACKUPS}{first.id}")
    assert before > left
    assert all(
        place_of(second.start_lsn, segment_bytes=second.segment_bytes) <= one.place
        for name in left
        if (one := read_segment(name.removeprefix(WAL), segment_bytes=second.segment_bytes))
    )
    with restored(record, sealer, folder, moment=covered.until) as found:
        assert found.base.id == third.id
