"""From what a user writes to where backups are kept."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from deploy.backup.failure import BackupFailure
from deploy.backup.folder_vault import FolderVault
from deploy.backup.s3_vault import open_bucket
from deploy.backup.vault import Vault

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@contextmanager
def open_vault(address: str, *, environ: Mapping[str, str]) -> Iterator[Vault]:
    """Give `s3://bucket/prefix`, or a folder, for the length of a block.

    Raises:
        BackupFailure: neither, or the login for it is missing.
    """
    if "://" not in address:
        yield FolderVault(Path(address).expanduser().absolute())
        return
    parts = urlsplit(address)
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc):
        raise BackupFailure(f"{address}: not a folder, nor s3://BUCKET/PREFIX")
    with open_bucket(bucket=parts.netloc, prefix=parts.path, environ=environ) as vault:
        yield vault


def is_remote(address: str) -> bool:
    """Whether what is kept at `address` leaves this machine's disks."""
    return "://" in address
