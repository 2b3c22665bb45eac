"""What a zone says of its interface, from real functions, without one of them being started."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.zones.agent_process import ROOT, Agent, running_agent, until
from tests.integration.zones.conftest import edge_environment, free_port, short_folder
from tests.integration.zones.gateway_process import running_gateway


@pytest.fixture
def zone(valkey_server: str) -> Iterator[tuple[Agent, str]]:
    with short_folder() as folder:
        port = free_port()
        environment = edge_environment(folder, ROOT / "functions", valkey_server)
        with running_agent(environment) as agent, running_gateway(environment, port=port):
            yield agent, f"http://127.0.0.1:{port}"


def test_services_are_described_before_anybody_called_them(zone: tuple[Agent, str]) -> None:
    agent, url = zone

    def described() -> httpx.Response | None:
        answer = httpx.get(f"{url}/openapi.json", timeout=30)
        return answer if "/v1/mdms/readings" in answer.json()["paths"] else None

    document = until(described, "mdms is described").json()

    assert {
        "/v1/platform/tenants",
        "/v1/traffic_scheduling/status",
        "/v1/clock_sync/exchange",
        "/v1/hot_storage/status",
    } <= document["paths"].keys()
    readings = document["paths"]["/v1/mdms/readings"]["post"]
    assert readings["x-scopes"] == ["mdms:write"]
    assert _references(document) <= {
        f"#/components/{kind}/{name}"
        for kind, members in document["components"].items()
        for name in members
    }
    always_up = {"clock_sync", "hot_storage", "messaging", "traffic_scheduling"}
    assert {one["function"] for one in agent.instances()} == always_up
    # A worker each: the process that asked the functions is gone.
    until(lambda: len(agent.zygote().children()) == len(always_up), "nobody else is left")
    refused = httpx.post(f"{url}/openapi.json")
    assert refused.status_code == 405
    assert refused.headers["content-type"] == "application/problem+json"


def test_functions_without_a_document_are_named(agent: Agent) -> None:
    answer = agent.http.get("/v1/functions/openapi")

    assert answer.status_code == 200
    assert list(answer.json()) == ["fast"]
    again = agent.http.get(
        "/v1/functions/openapi", headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(member) for member in node))
    return set()
