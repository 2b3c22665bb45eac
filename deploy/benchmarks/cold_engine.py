"""Whether containers can be measured here, and how their function gets back to nothing."""

import contextlib
import os
from typing import Final

import docker
import docker.errors
import requests

from deploy.benchmarks.cold_functions import ColdFunction
from deploy.benchmarks.cold_zone import TENANT
from zones.providers.docker.found import why_no_engine

IMAGE: Final = "gridfaas-worker:local"
DEADLINE_S: Final = 30


class NoEngine(Exception):
    """Containers cannot be measured on this machine; says why."""


class ColdEngine:
    """A Docker engine with the workers' image."""

    def __init__(self) -> None:
        """Find it.

        Raises:
            NoEngine: there is none, or it lacks the image.
        """
        if reason := why_no_engine():
            raise NoEngine(reason)
        self.image = os.environ.get("GRIDFAAS_DOCKER_IMAGE", IMAGE)
        try:
            self._client = docker.from_env(timeout=DEADLINE_S)
            self.version = str(self._client.version()["Version"])
            self._client.images.get(self.image)
        except docker.errors.ImageNotFound as error:
            self._client.close()
            raise NoEngine(
                f"{self.image} is not built: docker build -f deploy/images/Dockerfile "
                f"--target worker -t {self.image} ."
            ) from error
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise NoEngine(f"no Docker engine answers: {error}") from error

    def forget(self, function: ColdFunction) -> None:
        """Remove the function's frozen containers, so that its next start is a cold one."""
        labels = [f"gridfaas.tenant={TENANT}", f"gridfaas.function={function.name}"]
        for container in self._client.containers.list(filters={"label": labels}):
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
