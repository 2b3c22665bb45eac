"""What waits in the zone's Redis wakes a worker of the tenant, without a call."""

import redis

from tests.integration.zones.agent_process import running_agent, until
from tests.integration.zones.conftest import edge_environment, short_folder
from tests.integration.zones.sample_functions import write_functions

STREAM = "acme:vq"


def test_a_tenants_entries_wake_its_worker_and_no_other(valkey_server: str) -> None:
    with short_folder() as folder, redis.Redis.from_url(valkey_server) as admin:
        write_functions(folder / "functions")
        with (folder / "functions" / "brief" / "function.yaml").open("a") as spec:
            spec.write("woken_by: [validation]\n")
        admin.delete(STREAM)
        with running_agent(edge_environment(folder, folder / "functions", valkey_server)) as agent:
            assert agent.instances() == []
            try:
                admin.xadd(STREAM, {"x": b"", "p": b"left behind"})
                [woken] = until(agent.instances, "a worker was started")
                assert (woken["tenant"], woken["function"]) == ("acme", "brief")
            finally:
                admin.delete(STREAM)
            until(lambda: agent.instances() == [], "the worker went to sleep")
