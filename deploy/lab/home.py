"""Where a lab keeps its state and its sockets."""

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.failure import LabFailure

CLONE = Path(__file__).resolve().parents[2]


class UnsafeFolder(LabFailure):
    """A folder that we would use belongs to somebody else, or cannot be made."""


@dataclass(frozen=True, slots=True)
class Home:
    """Folders of one clone's lab: `state` survives, `run` holds sockets and may vanish."""

    state: Path
    run: Path

    @property
    def logs(self) -> Path:
        """Where each process's log is."""
        return self.state / "logs"

    @property
    def locks(self) -> Path:
        """Where each process's lock is; servers keep theirs beside their data."""
        return self.state / "locks"

    def zone_state(self, zone: str) -> Path:
        """The zone's own durable folder."""
        return self.state / "zones" / zone

    def zone_run(self, zone: str) -> Path:
        """The zone's own folder for sockets."""
        return self.run / zone

    @property
    def servers(self) -> Path:
        """Where each embedded server's folder is."""
        return self.state / "servers"

    def server_state(self, name: str) -> Path:
        """The folder of an embedded server."""
        return self.servers / name


def find_home(*, environ: Mapping[str, str], clone: Path = CLONE) -> Home:
    """Name the folders of this clone's lab, without making them.

    The state is at $GRIDFAAS_HOME; else, for root, below /var/lib, since the servers' account must
    reach it and a clone may sit in a closed folder; else inside the clone.
    """
    root = os.geteuid() == 0
    given = environ.get("GRIDFAAS_HOME")
    mark = hashlib.sha256(str(clone).encode()).hexdigest()[:10]
    if given:
        state = Path(given).expanduser().absolute()
        mark = hashlib.sha256(str(state).encode()).hexdigest()[:10]
    else:
        state = Path("/var/lib/gridfaas") / mark if root else clone / ".gridfaas"
    session = environ.get("XDG_RUNTIME_DIR")
    if not root and session and len(session) < 40 and os.access(session, os.W_OK):
        run = Path(session) / f"gridfaas-{mark}"
    else:
        run = Path("/tmp") / f"gridfaas-{os.geteuid()}-{mark}"
    return Home(state, run)


def make_home(home: Home) -> Path | None:
    """Make the folders; passable for servers and workers when we are root, else for us alone.

    Returns the topmost folder that had to be made for the state, None when the state was there.

    Raises:
        UnsafeFolder: a folder is a link, belongs to another user or cannot be made.
    """
    missing = [path for path in (home.state, *home.state.parents) if not path.exists()]
    for folder in (home.state, home.run):
        # /tmp is open to all: somebody may have put a folder of that name there before us.
        if os.path.lexists(folder):
            _require_ours(folder)
    closed, open_to_pass = 0o700, 0o711 if os.geteuid() == 0 else 0o700
    for folder, mode in (
        *((home.state, open_to_pass), (home.run, open_to_pass)),
        *((home.logs, closed), (home.locks, closed)),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnsafeFolder(f"cannot make {folder}: {error.strerror}") from error
        _require_ours(folder)
        folder.chmod(mode)
    return missing[-1] if missing else None


def remove_unused(home: Home, made: Path | None) -> None:
    """Remove the state of a first start that failed before a server had data in it.

    `made` is what `make_home` returned; the lab's lock must be ours.
    """
    if made is None or any(home.servers.glob("*/data")):
        return
    shutil.rmtree(home.state, ignore_errors=True)
    with contextlib.suppress(OSError):
        # Only what we made, and nobody else has put anything into since.
        for folder in home.state.parents:
            if folder.is_relative_to(made):
                folder.rmdir()


def _require_ours(folder: Path) -> None:
    entry = folder.lstat()
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
        raise UnsafeFolder(f"{folder} is not a folder of ours: remove it, or set GRIDFAAS_HOME")
