"""The files that headquarters needs beside PostgreSQL: keys and passwords.

What is made anew is not among them (a restored record gives its own snapshot), nor are the hot
stores and queues.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deploy.backup.failure import BackupFailure


def file_names(state: Path, *, headquarters: str) -> list[str]:
    """Names below `state` of the files that are there, sorted."""
    zone = f"zones/{headquarters}"
    wanted = (
        "keys.json",
        "keys-shown",
        "keys/*",
        "audit_password",
        "servers/postgres/password",
        f"{zone}/tenants/*",
        f"{zone}/service_keys.json",
    )
    return sorted(
        path.relative_to(state).as_posix()
        for pattern in wanted
        for path in state.glob(pattern)
        if path.is_file()
    )


def pack_files(state: Path, names: list[str]) -> IO[bytes]:
    """The files as a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            content = (state / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def unpacked_files(packed: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the tar.

    Raises:
        BackupFailure: it holds something else, or a name that leads out of the folder.
    """
    try:
        with tarfile.open(fileobj=packed, mode="r|") as archive:
            for entry in archive:
                file = archive.extractfile(entry)
                path = Path(entry.name)
                if file is None or path.is_absolute() or ".." in path.parts:
                    raise BackupFailure(f"the backup holds {entry.name!r}, no file of ours")
                yield entry.name, file.read()
    except tarfile.TarError as error:
        raise BackupFailure(f"the backup's files cannot be read: {error}") from error
