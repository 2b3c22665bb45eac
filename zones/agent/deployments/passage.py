"""Lets workers, which have accounts of their own, reach their code and nothing beside it."""

import os
import stat
from pathlib import Path


def open_to_workers(state_dir: Path, *, passable: str) -> None:
    """Make `state_dir` passable, when we are root, and all in it but `passable` private.

    Raises:
        OSError: a mode cannot be set.
    """
    if os.geteuid() != 0:
        return
    for path in state_dir.iterdir():
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.name != passable and not path.is_symlink() and mode & 0o077:
            path.chmod(mode & 0o700)
    state_dir.chmod(0o711)


def closed_folder(folder: Path) -> Path | None:
    """Return the topmost folder on the way to `folder` that other accounts cannot pass."""
    for above in (*reversed(folder.parents), folder):
        if not above.stat().st_mode & stat.S_IXOTH:
            return above
    return None
