"""The providers that keep the port, each behind the same fixture."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import docker
import pytest

from tests.contract.providers.engine import engine_client, worker_image
from tests.contract.providers.function_folder import APP, BROKEN, write_function
from tests.contract.providers.subject import Subject, opened
from zones.providers.docker.body import Site
from zones.providers.docker.provider import DockerProvider
from zones.providers.process import ProcessProvider

FIRST_UID = 210_000


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """An engine that answers."""
    with engine_client() as client:
        yield client


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The workers' image of this clone."""
    return worker_image(engine)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder of a zone: sockets have to fit in 107 bytes, tenants have to pass."""
    made = Path(tempfile.mkdtemp(prefix="gf-prov-", dir="/tmp"))
    made.chmod(0o711)
    (made / "w").mkdir(mode=0o711)
    (made / "services").mkdir(mode=0o755)
    write_function(made / "functions" / "good", APP)
    write_function(made / "functions" / "broken", BROKEN)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def site(folder: Path, image: str) -> Site:
    """An installation of this test alone."""
    return Site(
        installation=f"test-{secrets.token_hex(4)}",
        zone="zone-3a",
        image=image,
        channels=folder / "c",
        roots=(folder / "functions",),
        shared=(),
    )


def process_subject(folder: Path) -> Subject:
    """Workers as processes."""
    return Subject(
        kind="process",
        provider=ProcessProvider(functions=folder / "services"),
        folder=folder,
        functions=folder / "functions",
        base_uid=FIRST_UID if os.geteuid() == 0 else None,
    )


def docker_subject(folder: Path, site: Site, **options: int) -> Subject:
    """Workers in containers."""
    return Subject(
        kind="docker",
        provider=DockerProvider(site, **options),
        folder=folder,
        functions=folder / "functions",
        base_uid=FIRST_UID if os.geteuid() == 0 else None,
    )


@pytest.fixture(params=["process", "docker"])
async def closed_subject(request: pytest.FixtureRequest, folder: Path) -> Subject:
    """A provider that was never opened."""
    if request.param == "process":
        return process_subject(folder)
    return docker_subject(folder, request.getfixturevalue("site"))


@pytest.fixture
async def subject(closed_subject: Subject) -> AsyncIterator[Subject]:
    """An open provider, closed after the test."""
    async with opened(closed_subject):
        yield closed_subject
