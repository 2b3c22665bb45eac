"""The `gridfaas` command on a lab of its own, as a user runs it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.free_ports import free_ports

GRIDFAAS = Path(sys.executable).with_name("gridfaas")
START_S = 150.0


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs `gridfaas` with its state in `home`."""

    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [GRIDFAAS, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed and return its JSON."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the commands."""
        return {**os.environ, "GRIDFAAS_HOME": str(self.home)}

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run `up` beside the block; what still runs at its end is ended in order."""
        command = [GRIDFAAS, "up", "--first-port", str(free_ports(5)), *arguments]
        with subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()

    def wait_until(self, process: subprocess.Popen[str], state: str) -> Any:
        """Return the status once it has `state`: "running" or "ready"."""
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, "the lab ended"
            found = json.loads(self.run("status", "--json", "--no-count").stdout)
            if found[state]:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
