"""docker-compose.yml on a real engine, as a project of the test's own."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.free_ports import free_ports

ROOT = Path(__file__).parents[2]
SWITCH = "GRIDFAAS_E2E_DOCKER"
BUILD_S, UP_S, COMMAND_S = 1_200.0, 420.0, 120.0
PROFILES = ("--profile", "load", "--profile", "tools")


def require_engine() -> None:
    """Skip, saying why, where no engine answers; fail instead if this run asked for one."""
    wanted = os.environ.get(SWITCH, "")
    if wanted == "0":
        pytest.skip(f"containers are left out: {SWITCH}=0")
    if (reason := _lacking()) is not None:
        (pytest.fail if wanted == "1" else pytest.skip)(f"containers are not tested: {reason}")


def _lacking() -> str | None:
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command, lacking in (
        (["docker", "info"], "no Docker engine answers"),
        (["docker", "compose", "version"], "Docker Compose v2 is not installed"),
    ):
        if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode:
            return lacking
    return None


@dataclass(frozen=True, slots=True)
class Stack:
    """One project; `environment` holds its ports and image."""

    project: str
    environment: Mapping[str, str]
    empty_file: Path

    def begin(self) -> float:
        """Build the images and bring everything up; return the seconds that coming up took."""
        self.done("build", timeout_s=BUILD_S)
        return self.up()

    def end(self) -> None:
        """Take everything down, with its data."""
        down = (*PROFILES, "down", "--volumes", "--remove-orphans", "--timeout", "20")
        self.compose(*down, timeout_s=300)

    def compose(
        self, *arguments: str, timeout_s: float = COMMAND_S, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a compose command on the project; its standard output is text."""
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def done(self, *arguments: str, timeout_s: float = COMMAND_S, **environment: str) -> str:
        """As `compose`; it must end with 0."""
        ended = self.compose(*arguments, timeout_s=timeout_s, **environment)
        assert ended.returncode == 0, f"{arguments}: {ended.stdout[-2000:]} {ended.stderr[-4000:]}"
        return ended.stdout

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a compose command and return at once."""
        return subprocess.Popen(
            self._command(*arguments),
            env=self._environment(environment),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def up(self) -> float:
        """Bring everything up and healthy; return the seconds that it took."""
        began = time.monotonic()
        asked = ("up", "--wait", "--wait-timeout", str(int(UP_S)))
        done = self.compose(*asked, timeout_s=UP_S + 60)
        assert done.returncode == 0, f"{done.stderr[-1000:]}\n{self._of_the_unwell()[-4000:]}"
        return time.monotonic() - began

    def container(self, service: str) -> str:
        """Id of a service's container."""
        return self.done("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        found = subprocess.run(
            ["docker", "inspect", self.container(service)],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=True,
        )
        description: dict[str, Any] = json.loads(found.stdout)[0]
        return description

    def python(self, service: str, code: str) -> str:
        """Run Python inside a service's container and return what it printed."""
        return self.done("exec", "-T", service, "python", "-c", code)

    def count_cold(self, day: str) -> dict[str, int]:
        """Readings of a day in PostgreSQL: each copy, and each once."""
        module = ("python", "-m", "deploy.compose.count_cold", day)
        counted: dict[str, int] = json.loads(self.done("exec", "-T", "agent-zone-1", *module))
        return counted

    def memory_mib(self) -> dict[str, float]:
        """Memory of each running container in MiB, by service."""
        ids = self.done("ps", "--quiet").split()
        shown = subprocess.run(
            ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *ids],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        rows = (line.split() for line in shown.stdout.splitlines())
        # A container that ended in between shows "--".
        figures = {row[0]: row[1] for row in rows if row[1][0].isdigit()}
        names = {name: name.removeprefix(f"{self.project}-").rpartition("-")[0] for name in figures}
        return {names[name]: _mib(text) for name, text in figures.items()}

    def _of_the_unwell(self) -> str:
        """The last that was written by services that are not healthy."""
        shown = self.compose("ps", "--all", "--format", "{{.Service}} {{.Status}}").stdout
        unwell = [line.split()[0] for line in shown.splitlines() if "(healthy)" not in line]
        return self.compose("logs", "--no-color", "--tail", "5", *unwell).stdout

    def _command(self, *arguments: str) -> Sequence[str]:
        # A user's own .env must not decide what is tested.
        options = ("--project-name", self.project, "--env-file", str(self.empty_file))
        return ["docker", "compose", *options, "--progress", "quiet", *arguments]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, **self.environment, **more}


def _mib(text: str) -> float:
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024), ("B", 1 / 1024**2)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


@contextmanager
def running_stack(folder: Path, purpose: str) -> Iterator[tuple[Stack, float]]:
    """A stack that is up, with the seconds that it took; gone with its volumes afterwards."""
    require_engine()
    (folder / "empty.env").touch()
    first = free_ports(3)
    ports = {f"ZONE_{zone}_PORT": str(first + n) for n, zone in enumerate(("1", "2", "3A"))}
    images = {"GRIDFAAS_IMAGE": "gridfaas:e2e", "WORKER_IMAGE": "gridfaas-worker:e2e"}
    project = f"gridfaas-{purpose}-{os.getpid()}"
    stack = Stack(project, ports | images, folder / "empty.env")
    try:
        yield stack, stack.begin()
    finally:
        stack.end()


def docker(*arguments: str) -> str:
    """Run a command of the engine; it must end with 0."""
    ended = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    assert ended.returncode == 0, f"docker {arguments}: {ended.stderr[-2000:]}"
    return ended.stdout
