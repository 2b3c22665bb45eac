"""Folders of labs under test, and the seed of the crash proof in the head of the report."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.lab import Lab, open_lab
from tests.e2e.neighbours import Neighbours, settle_neighbours
from tests.e2e.seed import SEED, VARIABLE


def pytest_report_header() -> str:
    """Say how to repeat this run."""
    return f"crash proof: {VARIABLE}={SEED}"


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder that the servers' account can pass through; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def lab_folder() -> Iterator[Path]:
    """A folder for a lab of the test's own."""
    with short_folder() as folder:
        yield folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_lab() -> AsyncIterator[Lab]:
    """A lab for tests that leave it as it is but for meters and readings of their own."""
    with short_folder() as folder:
        async with open_lab(folder) as lab:
            yield lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def neighbours(shared_lab: Lab) -> Neighbours:
    """Two tenants with readings in every store."""
    return await settle_neighbours(shared_lab)
