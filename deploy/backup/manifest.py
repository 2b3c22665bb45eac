"""What is at an address: the archive it belongs to, and the backups in it."""

from typing import Final

import msgspec

from deploy.backup.failure import BackupFailure
from deploy.backup.vault import Vault

BACKUPS: Final = "backups/"
WAL: Final = "wal/"
COVERED: Final = "covered.json"
_MANIFEST: Final = "/manifest.json"
_FORMAT: Final = 1


class Chunked(msgspec.Struct, frozen=True, kw_only=True):
    """A stream kept as `chunks` objects; `bytes` and `sha256` are those of the whole content."""

    chunks: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is complete: its manifest is the last object that is written.

    Times are UTC in microseconds, by the database's clock.
    """

    format: int = _FORMAT
    id: str
    began_at: int
    finished_at: int
    system: int
    """PostgreSQL's system identifier."""
    postgres: int
    """Major version."""
    timeline: int
    start_lsn: str
    end_lsn: str
    segment_bytes: int
    encrypted: bool
    base: Chunked
    """PostgreSQL's data folder as a tar, with the WAL that makes it consistent."""
    files: Chunked
    """Keys and passwords of headquarters as a tar."""


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """How far the archive of WAL goes; `until` is UTC in microseconds."""

    until: int
    lsn: str
    system: int
    timeline: int


def put_manifest(vault: Vault, manifest: Manifest) -> None:
    """Declare a backup complete."""
    text = msgspec.json.format(msgspec.json.encode(manifest))
    vault.put(f"{BACKUPS}{manifest.id}{_MANIFEST}", text)


def backups_at(vault: Vault) -> list[Manifest]:
    """Complete backups, oldest first.

    Raises:
        BackupFailure: a manifest is unreadable or of a newer version.
    """
    found = [_read(vault, name) for name in vault.names(BACKUPS) if name.endswith(_MANIFEST)]
    return sorted(found, key=lambda manifest: manifest.finished_at)


def put_covered(vault: Vault, covered: Covered) -> None:
    """Say how far the archive goes."""
    vault.put(COVERED, msgspec.json.encode(covered))


def covered_at(vault: Vault) -> Covered | None:
    """How far the archive goes, None where WAL was never archived."""
    text = vault.get(COVERED)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Covered)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BackupFailure(f"{vault.address}/{COVERED} cannot be read: {error}") from error


def _read(vault: Vault, name: str) -> Manifest:
    try:
        manifest = msgspec.json.decode(vault.get(name) or b"", type=Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BackupFailure(f"{vault.address}/{name} cannot be read: {error}") from error
    if manifest.format != _FORMAT:
        raise BackupFailure(f"{vault.address}/{name} is of format {manifest.format}")
    return manifest
