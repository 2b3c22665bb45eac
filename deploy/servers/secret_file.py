"""Secrets on disk: random, written whole, readable by their owner alone."""

import os
import secrets
import tempfile
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Write `text` to `path` (0600), durable and atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except OSError:
        Path(fresh).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def lasting_password(path: Path) -> str:
    """Return the password kept in `path`; the first call makes one of 256 random bits."""
    try:
        return path.read_text()
    except FileNotFoundError:
        password = secrets.token_urlsafe(32)
        write_secret(path, password)
        return password
