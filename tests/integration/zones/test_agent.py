"""The agent, its zygote and workers as real processes."""

import contextlib
import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import redis.asyncio

from tests.integration.zones.agent_process import Agent, call, until


def test_the_first_call_starts_a_worker_of_its_tenant(own_agent: Agent) -> None:
    assert own_agent.instances() == []

    answer = own_agent.ensure(tenant="acme", function="raw")

    assert answer.status_code == 200
    (instance,) = answer.json()["instances"]
    assert instance["concurrency"] == 32
    said = call(instance["socket"]).json()
    (listed,) = own_agent.instances()
    assert said["tenant"] == "acme"
    assert listed["pid"] == said["pid"]
    assert listed["state"] == "ready"


def test_twenty_callers_at_once_start_one_process(own_agent: Agent) -> None:
    with ThreadPoolExecutor(20) as callers:
        answers = list(
            callers.map(lambda _: own_agent.ensure(tenant="acme", function="fast"), range(20))
        )

    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json()["instances"][0]["id"] for answer in answers}) == 1
    assert len(own_agent.zygote().children()) == 1


def test_nothing_is_imported_after_the_drop_of_privileges(agent: Agent) -> None:
    (instance,) = agent.ensure(tenant="acme", function="fast").json()["instances"]

    said = call(instance["socket"])

    assert said.status_code == 200
    assert said.json() == {"tenant": "acme", "imported_late": []}


def test_a_worker_is_confined(agent: Agent, valkey_server: str) -> None:
    credential = Path(agent.run_dir.parent / "secrets" / "zone_credential").read_text()
    (instance,) = agent.ensure(tenant="basra", function="raw").json()["instances"]
    said = call(instance["socket"]).json()
    environment = "\n".join([*said["environ"].values(), *said["argv"]])

    assert said["zone_credential"] is None
    assert said["redis_url"] != valkey_server
    for secret in (credential, valkey_server, said["redis_url"], "secrets"):
        assert secret not in environment
    process = psutil.Process(said["pid"])
    kinds = {
        os.readlink(link)
        for link in Path(f"/proc/{said['pid']}/fd").iterdir()
        if int(link.name) > 2 and not _only_a_way(said["pid"], link.name)
    }
    # Its listener, its reports, and the event loop's own; no file, pipe to or socket of others.
    assert not [kind for kind in kinds if kind.startswith("/") and kind != "/dev/null"]
    assert not {c for c in process.net_connections() if c.family.name != "AF_UNIX"}
    mode = Path(instance["socket"]).stat()
    assert stat.S_IMODE(mode.st_mode) == 0o600
    assert mode.st_uid == os.geteuid()
    if os.geteuid() == 0:
        assert said["uids"] == [200_002] * 3
        assert said["gids"] == [200_002] * 3
        assert said["groups"] == []
        assert said["no_new_privs"]
        isolation = agent.http.get("/v1/instances").json()["isolation"]
        assert isolation.startswith("uid per tenant; ")
    else:
        assert agent.http.get("/v1/instances").json()["isolation"] == "none (not root)"


async def test_a_worker_logs_in_as_its_tenant_only(agent: Agent) -> None:
    (instance,) = agent.ensure(tenant="acme", function="raw").json()["instances"]
    url = call(instance["socket"]).json()["redis_url"]

    async with redis.asyncio.from_url(url, driver_info=None) as store:
        assert await store.set("acme:x", "1")
        with pytest.raises(redis.exceptions.NoPermissionError):
            await store.get("basra:x")


def test_a_killed_worker_is_replaced(own_agent: Agent) -> None:
    (first,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    (listed,) = own_agent.instances()
    os.kill(listed["pid"], signal.SIGKILL)

    def other() -> list[dict[str, object]]:
        return [
            one
            for one in own_agent.instances()
            if one["state"] == "ready" and one["id"] != first["id"]
        ]

    (second,) = until(other, "another worker")
    (found,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    assert found["id"] == second["id"]
    assert call(found["socket"]).json()["pid"] == second["pid"]
    assert not Path(first["socket"]).exists()
    assert (
        'gridfaas_instance_deaths_total{function="raw",tenant="acme"} 1.0'
        in own_agent.http.get("/metrics").text
    )


def test_a_killed_zygote_is_replaced_and_takes_its_workers_along(own_agent: Agent) -> None:
    (first,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    zygote = own_agent.zygote()
    (worker,) = zygote.children()

    zygote.kill()

    until(lambda: not worker.is_running(), "the worker ends with its zygote")
    until(
        lambda: (
            own_agent.http.get("/readyz").status_code == 200
            and own_agent.zygote().pid != zygote.pid
        ),
        "another zygote",
    )
    (second,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    assert second["id"] != first["id"]
    assert call(second["socket"]).status_code == 200


def test_nothing_survives_a_killed_agent(own_agent: Agent) -> None:
    own_agent.ensure(tenant="acme", function="raw")
    zygote = own_agent.zygote()
    (worker,) = zygote.children()

    own_agent.process.kill()

    own_agent.process.wait(10)
    until(lambda: not worker.is_running() and not zygote.is_running(), "zygote and worker end")


def test_sigterm_ends_workers_and_zygote_and_exits_clean(own_agent: Agent) -> None:
    own_agent.ensure(tenant="acme", function="raw")
    zygote = own_agent.zygote()
    (worker,) = zygote.children()

    own_agent.process.terminate()

    assert own_agent.process.wait(15) == 0
    assert not worker.is_running()
    assert not zygote.is_running()
    assert list((own_agent.run_dir / "w").iterdir()) == []


def test_an_idle_worker_ends_and_the_next_call_starts_another(agent: Agent) -> None:
    (first,) = agent.ensure(tenant="acme", function="brief").json()["instances"]
    pid = call(first["socket"]).json()["pid"]

    until(
        lambda: all(one["id"] != first["id"] for one in agent.instances()),
        "the idle worker ends",
    )

    assert pid not in {child.pid for child in agent.zygote().children()}
    (second,) = agent.ensure(tenant="acme", function="brief").json()["instances"]
    assert call(second["socket"]).status_code == 200
    # What the first one counted outlives it.
    assert (
        'gridfaas_instance_calls_total{function="brief",tenant="acme"} 1.0'
        in agent.http.get("/metrics").text
    )


def test_a_called_worker_does_not_end(agent: Agent) -> None:
    (instance,) = agent.ensure(tenant="basra", function="brief").json()["instances"]
    end = time.monotonic() + 6

    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            assert call(instance["socket"]).status_code == 200
        time.sleep(0.3)

    assert instance["id"] in {one["id"] for one in agent.instances()}


@pytest.mark.parametrize(
    ("tenant", "function", "status", "slug"),
    [
        pytest.param("acme", "nothing", 404, "not-found", id="unknown_function"),
        pytest.param("acme", "elsewhere", 404, "not-in-this-zone", id="function_of_tier_1"),
        pytest.param("nobody", "raw", 404, "unknown-tenant", id="unknown_tenant"),
        pytest.param("acme", "broken", 503, "function-unavailable", id="it_never_starts"),
        pytest.param(None, "raw", 400, "malformed-body", id="no_tenant"),
    ],
)
def test_refusals(agent: Agent, tenant: str | None, function: str, status: int, slug: str) -> None:
    body = {"function": function} | ({} if tenant is None else {"tenant": tenant})

    answer = agent.http.post("/v1/instances", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:gridfaas:problem:{slug}"


def test_a_broken_function_leaves_the_others_alone(agent: Agent) -> None:
    assert agent.ensure(tenant="acme", function="broken").status_code == 503

    assert agent.ensure(tenant="acme", function="raw").status_code == 200


def test_all_functions_are_listed_with_their_tiers(agent: Agent) -> None:
    listed = agent.http.get("/v1/functions").json()["functions"]

    assert {entry["name"]: entry["tiers"] for entry in listed} == {
        "brief": [3],
        "broken": [3],
        "elsewhere": [1],
        "fast": [3],
        "raw": [2, 3],
    }
    assert agent.http.get("/readyz").json()["checks"] == {
        "snapshot": True,
        "walls": True,
        "zygote": True,
        "minimum_instances": True,
    }


def _only_a_way(pid: int, descriptor: str) -> bool:
    """Whether it is opened as a path alone: a folder of imports, by which nothing is read."""
    facts = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
    flags = next(line for line in facts.splitlines() if line.startswith("flags:"))
    return bool(int(flags.split()[1], 8) & os.O_PATH)
