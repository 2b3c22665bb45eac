"""Folders of labs under test, and the seed of the crash proof in the head of the report."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.seed import SEED, VARIABLE


def pytest_report_header() -> str:
    """Say how to repeat this run."""
    return f"crash proof: {VARIABLE}={SEED}"


@pytest.fixture
def lab_folder() -> Iterator[Path]:
    """A short folder that the servers' account can pass through; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
