"""A Docker engine and the workers' image for tests; without an engine they are skipped."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest
import requests

from zones.providers.docker.found import why_no_engine

ROOT = Path(__file__).parents[3]
BASE = "python:3.12-slim"
IMAGE = "gridfaas-worker:tests"
BUILD_DEADLINE_S = 600


@contextlib.contextmanager
def engine_client() -> Iterator[docker.DockerClient]:
    """Give a client of the engine that DOCKER_HOST names, or of the one at the usual socket."""
    if reason := why_no_engine():
        pytest.skip(reason)
    try:
        client = docker.from_env(timeout=BUILD_DEADLINE_S)
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    with contextlib.closing(client):
        try:
            client.ping()
        except (docker.errors.DockerException, requests.RequestException) as error:
            pytest.skip(f"no Docker engine answers: {error}")
        yield client


def worker_image(client: docker.DockerClient) -> str:
    """Return the image that GRIDFAAS_DOCKER_IMAGE names, or build it from this clone."""
    if named := os.environ.get("GRIDFAAS_DOCKER_IMAGE"):
        return named
    try:
        client.images.get(BASE)
    except docker.errors.ImageNotFound:
        try:
            client.images.pull(BASE)
        except docker.errors.APIError as error:
            pytest.skip(f"the workers' image cannot be built: {error}")
    image, _ = client.images.build(
        path=str(ROOT), dockerfile="deploy/images/Dockerfile", target="worker", tag=IMAGE, rm=True
    )
    assert image.id is not None
    return IMAGE
