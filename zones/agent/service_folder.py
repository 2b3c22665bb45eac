"""Where a service of the platform keeps what outlives its worker, until the machine starts."""

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)


def service_folder(run_dir: Path, *, function: str, uid: int | None) -> Path | None:
    """Return the folder of a service, which is the account `uid`'s alone (None: the agent's own).

    It is below the run folder, which other accounts can pass where workers have their own. Where
    it cannot be made the answer is None: the service works, and forgets with its worker.
    """
    above = run_dir / "kept"
    folder = above / function
    try:
        above.mkdir(mode=0o711, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if uid is not None:
            # Whatever the mask of the agent's process is.
            above.chmod(0o711)
            os.chown(folder, uid, uid, follow_symlinks=False)
    except OSError as error:
        logger.warning("%s keeps nothing when its worker ends: %s", function, error)
        return None
    return folder
