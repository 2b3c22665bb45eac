"""A thousand functions that nobody calls: a list, and no process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.zones.agent_process import Agent, call, running_agent, until
from tests.integration.zones.conftest import edge_environment, short_folder
from tests.integration.zones.gateway_process import running_gateway
from tests.integration.zones.sample_functions import FUNCTION_YAML, RAW_APP

COUNT = 1_000
AGENT_MEMORY_MIB = 200


def write_functions(folder: Path) -> None:
    """Write functions of all tiers, each with a module of its own."""
    for number in range(COUNT):
        name = f"fn_{number:04d}"
        (folder / name).mkdir(parents=True)
        spec = FUNCTION_YAML.format(name=name, tiers="[3]" if number % 3 else "[1]", idle_s=300)
        (folder / name / "function.yaml").write_text(spec)
        (folder / f"{name}_app.py").write_text(RAW_APP)


@pytest.fixture
def environment(valkey_server: str) -> Iterator[dict[str, str]]:
    with short_folder() as folder:
        write_functions(folder / "functions")
        yield edge_environment(folder, folder / "functions", valkey_server)


def test_a_thousand_functions_that_nobody_calls(
    environment: dict[str, str], port: int, record_property: Callable[[str, object], None]
) -> None:
    with running_agent(environment) as agent, running_gateway(environment, port=port):
        url = f"http://127.0.0.1:{port}"
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "the gateway knows them")

        assert agent.instances() == []
        assert agent.zygote().children() == []
        memory_mib = psutil.Process(agent.process.pid).memory_info().rss / 2**20
        record_property("agent_memory_mib", round(memory_mib))
        assert memory_mib < AGENT_MEMORY_MIB

        _is_asked_for_news_only(agent)
        answer = agent.ensure(tenant="acme", function="fn_0998")
        (instance,) = answer.json()["instances"]
        assert call(instance["socket"]).json()["tenant"] == "acme"
        assert len(agent.zygote().children()) == 1


def _is_asked_for_news_only(agent: Agent) -> None:
    listed = agent.http.get("/v1/functions")
    again = agent.http.get("/v1/functions", headers={"if-none-match": listed.headers["etag"]})

    assert len(listed.json()["functions"]) == COUNT
    assert (again.status_code, again.content) == (304, b"")
