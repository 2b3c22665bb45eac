"""A Python process of the platform, as the supervisor runs it."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.servers.leashed import Leashed, launch

# What a killed lab left is ended before ours starts; this is for what ends in that moment.
LOCK_WAIT_S = 10.0
# Long enough for a gateway or an agent to finish the calls that it has taken.
STOP_STEPS = ((signal.SIGTERM, 20.0),)


class Service:
    """`python -m MODULE` with an environment of its own, once at a time for each `lock`."""

    def __init__(
        self,
        name: str,
        *,
        module: str,
        env: Mapping[str, str],
        log_path: Path,
        lock: Path | None = None,
    ) -> None:
        self.name = name
        self._module = module
        self._env = dict(env)
        self._log_path = log_path
        self._lock = lock
        self._child: Leashed | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""
        return self._child.pid if self._child is not None and self.alive() else None

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._child is not None and self._child.returncode() is None

    def launch(self) -> None:
        """Start the process; one that died before is reaped."""
        self.stop()
        self._child = launch(
            [sys.executable, "-m", self._module],
            log_path=self._log_path,
            env=self._env,
            lock=self._lock,
            lock_wait_s=LOCK_WAIT_S,
        )

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        return [] if self._child is None else self._child.log.last_lines()

    def stop(self) -> None:
        """End the process in order; a second call does nothing."""
        if self._child is not None:
            self._child.stop(STOP_STEPS)
            self._child = None
