"""A helper process of a benchmark: says on its first line where it listens, ends with its input."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from deploy.benchmarks.failure import MeasurementFailed

END_S = 5.0


@contextmanager
def running_module(module: str, *arguments: str) -> Iterator[tuple[psutil.Process, dict[str, Any]]]:
    """Run `python -m module` for the length of the block; yields it and what its first line says.

    Raises:
        MeasurementFailed: it ended before it said anything.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise MeasurementFailed(f"{module} did not start")
        yield psutil.Process(process.pid), json.loads(line)
    finally:
        try:
            process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
