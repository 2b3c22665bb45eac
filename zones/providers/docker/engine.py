"""The Docker engine as the spawner uses it: blocking calls with deadlines, by the Docker SDK."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import docker.utils
import requests

from zones.providers.docker.body import (
    CONTAINER,
    FolderOutside,
    NoUserOfOurs,
    Site,
    container_options,
)
from zones.providers.docker.frames import Start

CALL_DEADLINE_S = 20
WAIT_DEADLINE_S = 10
LAST_LINES = 6
MAX_DETAIL_BYTES = 2048


class EngineUnavailable(Exception):
    """The engine does not answer, or not in time."""


class EngineRefused(Exception):
    """The engine answers and says no."""


class ContainerGone(EngineRefused):
    """The engine knows no such container."""


class UnderWay(EngineRefused):
    """The container is in a state, or on its way to one, that does not allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a container ended."""

    status: int
    out_of_memory: bool
    detail: str


class Engine:
    """One engine, found by DOCKER_HOST or at its usual socket; a client for each thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clients = threading.local()

    def version(self) -> str:
        """Ask the engine for its version.

        Raises:
            EngineUnavailable: no answer in time.
        """
        with _translated():
            return str(self._api.version(api_version=False)["Version"])

    def start(self, order: Start) -> tuple[str, int]:
        """Create and start a container; return the engine's id of it, and its pid.

        Raises:
            EngineUnavailable: no answer in time.
            EngineRefused: no image, or an option that the engine does not know; nothing is left.
        """
        try:
            container, host = container_options(order, self._site)
        except (FolderOutside, NoUserOfOurs) as error:
            raise EngineRefused(str(error)) from error
        api = self._api
        try:
            with _translated():
                config = api.create_host_config(**host)
                made: str = api.create_container(**container, host_config=config)["Id"]
        except ContainerGone as error:
            raise EngineRefused(f"image {self._site.image} is not on the engine") from error
        try:
            with _translated():
                api.start(made)
                pid = int(api.inspect_container(made)["State"]["Pid"])
        except (EngineUnavailable, EngineRefused):
            with contextlib.suppress(EngineUnavailable, EngineRefused):
                self.remove(made)
            raise
        return made, pid

    def pause(self, container: str) -> None:
        """Freeze a container."""
        with _translated():
            self._api.pause(container)

    def resume(self, container: str) -> None:
        """Let a frozen container go on."""
        with _translated():
            self._api.unpause(container)

    def kill(self, container: str) -> None:
        """Kill a container, frozen or not; one that has ended is no error."""
        # An engine that does not kill a frozen container says so only to `kill`.
        with contextlib.suppress(EngineRefused):
            self.resume(container)
        with contextlib.suppress(EngineRefused), _translated():
            self._api.kill(container)

    def ending(self, container: str) -> Ending:
        """Wait for a container's end and say how it was.

        Raises:
            EngineUnavailable: no answer, or no end, in time.
            ContainerGone: somebody removed it.
        """
        with _translated():
            self._api.wait(container, timeout=WAIT_DEADLINE_S)
            state = self._api.inspect_container(container)["State"]
            status = int(state["ExitCode"])
            said = b""
            if status:
                said = self._api.logs(container, tail=LAST_LINES)
        return Ending(
            status=status,
            out_of_memory=bool(state["OOMKilled"]),
            detail=said[-MAX_DETAIL_BYTES:].decode(errors="replace").strip(),
        )

    def remove(self, container: str) -> None:
        """Remove a container whatever it does; one that is gone is no error."""
        # Or somebody else is removing it at this moment.
        with contextlib.suppress(ContainerGone, UnderWay), _translated():
            self._api.remove_container(container, v=True, force=True)

    def made_by_this_zone(self) -> dict[str, tuple[str, str]]:
        """Return our id -> (engine's id, state) of every container of this zone."""
        labels = [f"{name}={value}" for name, value in self._site.labels.items()]
        with _translated():
            found = self._api.containers(all=True, filters={"label": labels})
        return {one["Labels"].get(CONTAINER, one["Id"]): (one["Id"], one["State"]) for one in found}

    def own_container(self) -> dict[str, Any]:
        """Describe the container that this process is in.

        Raises:
            EngineUnavailable: no answer in time.
            ContainerGone: it is in none of this engine's.
        """
        with _translated():
            described: dict[str, Any] = self._api.inspect_container(socket.gethostname())
        return described

    def deaths(self) -> Iterator[str]:
        """Yield our id of each container of this zone that dies, for ever.

        Raises:
            EngineUnavailable: the engine ended the stream.
        """
        labels = [f"{name}={value}" for name, value in self._site.labels.items()]
        with _translated():
            # Quiet for hours when all is well: the SDK gives this stream no deadline.
            stream = self._api.events(decode=True, filters={"label": labels, "event": "die"})
            # From here on no death is missed; what died before has to be looked for.
            yield ""
            for event in stream:
                yield str(event["Actor"]["Attributes"].get(CONTAINER, ""))
        raise EngineUnavailable("the engine ended its stream of events")

    @property
    def _api(self) -> docker.APIClient:
        api: docker.APIClient | None = getattr(self._clients, "api", None)
        if api is None:
            with _translated():
                api = docker.APIClient(
                    **docker.utils.kwargs_from_env(), timeout=CALL_DEADLINE_S, version="auto"
                )
            self._clients.api = api
        return api


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Speak of the engine in this module's errors, not in those of a library."""
    try:
        yield
    except docker.errors.NotFound as error:
        raise ContainerGone(str(error.explanation or error)) from error
    except docker.errors.APIError as error:
        if error.status_code == 409:
            raise UnderWay(str(error.explanation or error)) from error
        raise EngineRefused(str(error.explanation or error)) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineUnavailable(f"no Docker engine answers: {error}") from error
