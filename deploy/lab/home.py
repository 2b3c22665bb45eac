"""Where a lab keeps its state and its sockets."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.failure import LabFailure

CLONE = Path(__file__).resolve().parents[2]


class UnsafeFolder(LabFailure):
    """A folder that we would use belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Home:
    """Folders of one clone's lab: `state` survives, `run` holds sockets and may vanish."""

    state: Path
    run: Path

    @property
    def logs(self) -> Path:
        """Where each process's log is."""
        return self.state / "logs"

    def zone_state(self, zone: str) -> Path:
        """The zone's own durable folder."""
        return self.state / "zones" / zone

    def zone_run(self, zone: str) -> Path:
        """The zone's own folder for sockets."""
        return self.run / zone

    def server_state(self, name: str) -> Path:
        """The folder of an embedded server."""
        return self.state / "servers" / name


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


def make_home(home: Home) -> None:
    """Make the folders; passable for servers and workers when we are root, else for us alone.

    Raises:
        UnsafeFolder: a folder is a link or belongs to another user.
    """
    for folder in (home.state, home.run):
        folder.mkdir(parents=True, exist_ok=True)
        entry = folder.lstat()
        # /tmp is open to all: somebody may have put a folder of that name there before us.
        if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
            raise UnsafeFolder(f"{folder} is not a folder of ours: remove it, or set GRIDFAAS_HOME")
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    home.logs.mkdir(exist_ok=True)
    home.logs.chmod(0o700)
