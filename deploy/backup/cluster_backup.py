"""Taking a base backup: PostgreSQL's data folder, sealed as pg_basebackup streams it."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Final

from deploy.backup.chunks import put_stream
from deploy.backup.client_tools import client_tools
from deploy.backup.failure import BackupFailure
from deploy.backup.headquarters_files import file_names, pack_files
from deploy.backup.manifest import BACKUPS, Chunked, Manifest, put_manifest
from deploy.backup.sealing import Sealer
from deploy.backup.source import Source
from deploy.backup.vault import Vault
from deploy.lab.home import Home
from deploy.servers.postgres import query

_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at"
_START = re.compile(r"write-ahead log start point: ([0-9A-F]+/[0-9A-F]+) on timeline (\d+)")
_END = re.compile(r"write-ahead log end point: ([0-9A-F]+/[0-9A-F]+)")
_END_WAIT_S: Final = 60.0
# What was killed leaves its slot behind; it holds WAL back until the next backup takes it away.
_SLOT: Final = "gridfaas_base"
_HELD: Final = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
)
_HOLD: Final = "SELECT pg_create_physical_replication_slot($1, true)"


def take_base_backup(
    source: Source, vault: Vault, sealer: Sealer, *, home: Home, headquarters: str
) -> Manifest:
    """Copy the record and headquarters' secrets to `vault`; both stay in use meanwhile.

    Raises:
        BackupFailure: it was not completed; what is there of it does not count.
    """
    began_at = query(source.database_url, _NOW)[0]["at"]
    name = datetime.fromtimestamp(began_at / 1e6, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = f"{BACKUPS}{name}"
    names = file_names(home.state, headquarters=headquarters)
    files = put_stream(vault, sealer, name=f"{folder}/files", stream=pack_files(home.state, names))
    base, said = _stream_base(source, vault, sealer, name=f"{folder}/base")
    start, end = _START.search(said), _END.search(said)
    if start is None or end is None:
        raise BackupFailure("pg_basebackup did not say which WAL its copy needs")
    manifest = Manifest(
        id=name,
        began_at=began_at,
        finished_at=query(source.database_url, _NOW)[0]["at"],
        system=source.system,
        postgres=source.major,
        timeline=int(start[2]),
        start_lsn=start[1],
        end_lsn=end[1],
        segment_bytes=source.segment_bytes,
        encrypted=sealer.encrypts,
        base=base,
        files=files,
    )
    put_manifest(vault, manifest)
    return manifest


def _stream_base(source: Source, vault: Vault, sealer: Sealer, *, name: str) -> tuple[Chunked, str]:
    options = (
        *("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"),
        *("--manifest-checksums=SHA256", "--no-password", "--verbose", "--label=gridfaas"),
    )
    said: list[bytes] = []
    with (
        _wal_held_back(source.database_url),
        client_tools(source.programs, source.database_url) as tools,
    ):
        process = tools.start("pg_basebackup", *options)
        assert process.stdout is not None
        assert process.stderr is not None
        listener = Thread(target=lambda stream: said.append(stream.read()), args=[process.stderr])
        listener.start()
        try:
            stored = put_stream(vault, sealer, name=name, stream=process.stdout)
            ended = _end(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
            listener.join(10)
            process.stdout.close()
            process.stderr.close()
    text = b"".join(said).decode(errors="replace")
    if ended != 0:
        last = " | ".join(text.strip().splitlines()[-3:])
        raise BackupFailure(f"pg_basebackup ended with status {ended}: {last}")
    return stored, text


@contextmanager
def _wal_held_back(database_url: str) -> Iterator[None]:
    """The copy ends with the WAL that it needs: none of it may go until then."""
    query(database_url, _HELD, _SLOT)
    query(database_url, _HOLD, _SLOT)
    try:
        yield
    finally:
        query(database_url, _HELD, _SLOT)


def _end(process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + _END_WAIT_S
    try:
        return process.wait(deadline - time.monotonic())
    except subprocess.TimeoutExpired as error:
        raise BackupFailure(f"pg_basebackup did not end within {_END_WAIT_S:.0f} s") from error
