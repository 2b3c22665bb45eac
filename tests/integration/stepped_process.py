"""A process that waits before and after each of its steps, so that a test can end it between two.

The process says a step's name in a line of its output, and goes on when a line comes in.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
END_S = 30.0


@contextmanager
def stepped_process(script: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run `script` with `args`; it is killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, str(script), *args],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=END_S)


def step(process: subprocess.Popen[str]) -> str:
    """The step that the process stands at, once it does; empty when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    """Let the process take its next step."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def kill(process: subprocess.Popen[str]) -> None:
    """End the process where it stands."""
    process.kill()
    assert process.wait(END_S) == -9


def say(text: str) -> None:
    """In the process: say something to the test."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wait(at: str) -> None:
    """In the process: stand at a step until the test lets it go on."""
    say(at)
    if not sys.stdin.readline():
        sys.exit(1)
