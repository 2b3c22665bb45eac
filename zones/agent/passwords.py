"""Passwords of the zone's walls in Redis, made once and kept on disk."""

import secrets
from pathlib import Path

from storage.platform.snapshot import write_private


class Passwords:
    """One file of mode 0600 a name, in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, name: str) -> str:
        """Return the password of `name`; a new one is on disk before anybody uses it.

        Raises:
            OSError: the folder or the file cannot be written or read.
        """
        path = self._folder / name
        try:
            kept = path.read_text()
        except FileNotFoundError:
            kept = ""
        if not kept:
            kept = secrets.token_urlsafe(32)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, kept.encode())
        return kept

    def forget(self, name: str) -> None:
        """Drop the password of `name`; the next `of` makes another.

        Raises:
            OSError: the file cannot be removed.
        """
        (self._folder / name).unlink(missing_ok=True)
