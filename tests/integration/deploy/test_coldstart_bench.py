"""The cold-start benchmark, once: every kind of start is answered through gateway and agent."""

import docker
import pytest

from deploy.benchmarks.coldstart import measure_coldstart
from tests.contract.providers.engine import engine_client, worker_image

PROCESSES = {"process_raw", "process_fastapi"}
CONTAINERS = {"docker_cold", "docker_resumed"}


class Silent:
    def step(self, text: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...


def test_without_an_engine_containers_are_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    found = measure_coldstart(starts=1, command="bench", reporter=Silent())

    assert found["first_reply"].keys() == PROCESSES
    assert found["rounds"][0].keys() == PROCESSES
    assert found["skipped"].keys() == CONTAINERS | {"resumed_p95_ms"}
    assert "no Docker engine at unix:///nonexistent/docker.sock" in found["skipped"]["docker_cold"]
    assert found["bars"].keys() == {"process_raw_p95_ms", "process_fastapi_p95_ms"}


def test_containers_answer_cold_and_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_client() as client:
        monkeypatch.setenv("GRIDFAAS_DOCKER_IMAGE", worker_image(client))

        found = measure_coldstart(starts=1, command="bench", reporter=Silent())

        assert found["first_reply"].keys() == PROCESSES | CONTAINERS
        assert found["skipped"] == {}
        # A resumed container is the same one; creating one takes several times as long.
        assert found["rounds"][0]["docker_resumed"] < found["rounds"][0]["docker_cold"]
        assert _left(client) == []


def _left(client: docker.DockerClient) -> list[str]:
    found = client.containers.list(all=True, filters={"label": "gridfaas.tenant=bench"})
    return [str(one.name) for one in found]
