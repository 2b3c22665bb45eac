"""The folder of a benchmark's servers: gone at its end, but for the logs of a failed one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.benchmarks.failure import MeasurementFailed


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder with a short name, as unix sockets need, that other accounts may pass.

    Servers and workers run under accounts of their own when we are root. After a
    `MeasurementFailed`, whose message names them, the logs stay.
    """
    folder = Path(tempfile.mkdtemp(prefix="gf-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    except MeasurementFailed:
        _keep_logs(folder)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder)


def _keep_logs(top: Path) -> None:
    for folder, _, files in os.walk(top, topdown=False):
        for name in files:
            if not name.endswith(".log"):
                Path(folder, name).unlink(missing_ok=True)
        # With logs in it, it stays.
        with suppress(OSError):
            Path(folder).rmdir()
