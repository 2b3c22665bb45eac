"""Laying out a base backup and its WAL in a new home, each byte checked on its way."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Final, cast

from deploy.backup.chunks import StoredStream
from deploy.backup.failure import BackupFailure
from deploy.backup.headquarters_files import unpacked_files
from deploy.backup.manifest import BACKUPS, Chunked, Manifest
from deploy.backup.sealing import ObjectDamaged, Sealer
from deploy.backup.target import Way
from deploy.backup.vault import Vault
from deploy.lab.home import Home
from deploy.servers.account import Account, private_folder
from deploy.servers.leashed import run_to_end

VERIFY_TIMEOUT_S: Final = 3_600.0
_READ_AHEAD: Final = 1 << 20


def unpack_files(vault: Vault, sealer: Sealer, manifest: Manifest, *, home: Home) -> None:
    """Write the keys and passwords of headquarters below `home` (0600 in folders of 0700)."""
    stream = _stored(vault, sealer, f"{BACKUPS}{manifest.id}/files", manifest.files)
    for name, content in unpacked_files(stream):
        path = home.state / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def unpack_base(
    vault: Vault, sealer: Sealer, manifest: Manifest, *, data: Path, account: Account
) -> None:
    """Write PostgreSQL's data folder, the account's alone.

    Raises:
        ObjectDamaged: what is stored is not what was written.
    """
    private_folder(data, account)
    stream = _stored(vault, sealer, f"{BACKUPS}{manifest.id}/base", manifest.base)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            archive.extractall(data, filter="data")
    except tarfile.TarError as error:
        raise ObjectDamaged(f"backup {manifest.id}: its tar cannot be read: {error}") from error
    # What is behind the tar's end: reading it checks the length and the checksum of the whole.
    while stream.read(_READ_AHEAD):
        pass
    for folder, _, files in os.walk(data):
        _give(Path(folder), account, 0o700)
        for name in files:
            _give(Path(folder) / name, account, 0o600)


def verify_base(programs: Path, data: Path, *, account: Account) -> None:
    """Compare each file with PostgreSQL's own manifest of the backup.

    Raises:
        ObjectDamaged: one is missing, too many or different.
    """
    program = programs / "pg_verifybackup"
    if not program.is_file():
        raise BackupFailure(f"{program} is missing: install PostgreSQL's client programs")
    try:
        done = run_to_end(
            [str(program), "--exit-on-error", "--quiet", str(data)],
            account=account,
            timeout_s=VERIFY_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BackupFailure(f"pg_verifybackup took longer than {VERIFY_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise ObjectDamaged(f"the base backup is damaged: {last}")


def unpack_wal(vault: Vault, sealer: Sealer, way: Way, *, folder: Path, account: Account) -> None:
    """Write the WAL that leads on from the base into `folder`, for PostgreSQL to take.

    Raises:
        ObjectDamaged: a segment is missing or not what was written.
    """
    private_folder(folder, account)
    for name, stored_as in way.wal.items():
        stored = vault.get(stored_as)
        if stored is None:
            raise ObjectDamaged(f"{vault.address}/{stored_as} is missing")
        path = folder / name
        path.write_bytes(sealer.open(stored_as, stored))
        _give(path, account, 0o600)


def remove_wal(folder: Path) -> None:
    """Take the WAL away once it was replayed."""
    shutil.rmtree(folder, ignore_errors=True)


def _stored(vault: Vault, sealer: Sealer, name: str, expected: Chunked) -> IO[bytes]:
    raw = StoredStream(vault, sealer, name=name, expected=expected)
    return cast(IO[bytes], io.BufferedReader(raw, _READ_AHEAD))


def _give(path: Path, account: Account, mode: int) -> None:
    if account.dropped:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)
