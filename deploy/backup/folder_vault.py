"""Backups in a folder: another disk, or a mounted file system of another machine."""

import os
import tempfile
from pathlib import Path

from deploy.backup.vault import VaultUnavailable


class FolderVault:
    """`Vault` over files of mode 0600 in folders of mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def address(self) -> str:
        """See `Vault.address`."""
        return str(self._folder)

    def put(self, name: str, content: bytes) -> None:
        """See `Vault.put`: the file is on disk under its own name or not at all."""
        path = self._folder / name
        try:
            _make(path.parent)
            handle, fresh = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(fresh).replace(path)
            except OSError:
                Path(fresh).unlink(missing_ok=True)
                raise
            _sync(path.parent)
        except OSError as error:
            raise VaultUnavailable(f"cannot write {path}: {error.strerror}") from error

    def get(self, name: str) -> bytes | None:
        """See `Vault.get`."""
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise VaultUnavailable(f"cannot read {self._folder / name}: {error.strerror}") from (
                error
            )

    def names(self, prefix: str) -> list[str]:
        """See `Vault.names`."""
        within = self._folder / prefix.rpartition("/")[0]
        try:
            found = [
                path.relative_to(self._folder).as_posix()
                for path in within.rglob("*")
                if path.is_file() and not path.name.startswith(".new-")
            ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise VaultUnavailable(f"cannot list {within}: {error.strerror}") from error
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """See `Vault.delete`; a folder that is empty then goes too."""
        path = self._folder / name
        try:
            path.unlink(missing_ok=True)
            if path.parent != self._folder and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            raise VaultUnavailable(f"cannot remove {path}: {error.strerror}") from error


def _make(folder: Path) -> None:
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
