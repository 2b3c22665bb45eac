"""A thousand deployed functions that nobody calls: folders and a list, and no process."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from storage.platform.functions.bundle import digest_of, pack_bundle
from storage.platform.functions.spec_file import parse_function
from storage.platform.snapshot import DeploymentEntry, save_snapshot
from tests.integration.zones.agent_process import call, running_agent, until
from tests.integration.zones.conftest import SNAPSHOT, edge_environment, short_folder
from tests.integration.zones.deployed_zones import files
from tests.integration.zones.gateway_process import running_gateway

COUNT = 1_000
# As much as an agent that has none, and 50 KiB for each.
AGENT_MEMORY_MIB = 200


@pytest.fixture
def environment(valkey_server: str) -> Iterator[dict[str, str]]:
    with short_folder() as folder:
        folder.chmod(0o711)
        (folder / "services").mkdir()
        environment = edge_environment(folder, folder / "services", valkey_server)
        save_snapshot(
            folder / "state" / "snapshot.json",
            msgspec.structs.replace(SNAPSHOT, deployments=_deployed(folder / "state")),
        )
        yield environment


def _deployed(state: Path) -> list[DeploymentEntry]:
    """Put bundles where they were fetched to before the zone was cut off, and name them."""
    entries = []
    for number in range(COUNT):
        name = f"fn-{number:04d}"
        found = files(name, name)
        digest = digest_of(found)
        place = state / "functions" / digest
        place.mkdir(parents=True)
        (place / "bundle.tar.gz").write_bytes(pack_bundle(found))
        spec = parse_function(found[0].content.decode())
        entries.append(
            DeploymentEntry(tenant="acme", name=name, version=1, digest=digest, spec=spec)
        )
    return entries


def test_a_thousand_deployed_functions_that_nobody_calls(
    environment: dict[str, str], port: int, record_property: Callable[[str, object], None]
) -> None:
    with running_agent(environment) as agent, running_gateway(environment, port=port):

        def all_prepared() -> bool:
            return len(agent.http.get("/v1/functions").json()["deployed"]) == COUNT

        until(all_prepared, "every one is prepared")
        url = f"http://127.0.0.1:{port}"
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "the gateway knows them")

        counted = re.findall(r"gridfaas_deployments\{.*\} (.*)", agent.http.get("/metrics").text)
        assert counted == [f"{COUNT}.0"]
        assert agent.instances() == []
        assert agent.zygote().children() == []
        memory_mib = psutil.Process(agent.process.pid).memory_info().rss / 2**20
        record_property("agent_memory_mib", round(memory_mib))
        assert memory_mib < AGENT_MEMORY_MIB

        answer = agent.ensure(tenant="acme", function="fn-0998")
        assert answer.json()["version"] == 1
        (instance,) = answer.json()["instances"]
        assert call(instance["socket"]).status_code < 500
        assert len(agent.zygote().children()) == 1
        assert agent.ensure(tenant="basra", function="fn-0998").status_code == 404
