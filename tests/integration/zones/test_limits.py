"""A function's limits, held by a real agent and gateway against real workers."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest

from storage.platform.keys import hash_key
from storage.platform.snapshot import KeyEntry, save_snapshot
from tests.integration.zones.agent_process import Agent, running_agent, until
from tests.integration.zones.conftest import SNAPSHOT, edge_environment, free_port, short_folder
from tests.integration.zones.gateway_process import running_gateway
from tests.integration.zones.sample_functions import BUSY_APP, GREEDY_APP, write_function

KEYS = {tenant: f"gf_{tenant}" for tenant in ("acme", "basra")}


class Zone:
    """An edge zone and calls to it."""

    def __init__(self, agent: Agent, url: str) -> None:
        self.agent = agent
        self._url = url

    def call(self, path: str, *, tenant: str = "acme") -> httpx.Response:
        headers = {"authorization": f"Bearer {KEYS[tenant]}"}
        return httpx.get(f"{self._url}/v1/{path}", headers=headers, timeout=40)

    def call_at_once(self, path: str, *, times: int) -> list[httpx.Response]:
        with ThreadPoolExecutor(times) as callers:
            return list(callers.map(lambda _: self.call(path), range(times)))


@pytest.fixture(scope="module")
def zone(valkey_server: str) -> Iterator[Zone]:
    with short_folder() as folder:
        yield from _zone(folder, valkey_server)


def _zone(folder: Path, redis_url: str) -> Iterator[Zone]:
    functions, port = folder / "functions", free_port()
    write_function(functions, "greedy", GREEDY_APP)
    write_function(functions, "busy", BUSY_APP, concurrency=2)
    write_function(functions, "wide", BUSY_APP, concurrency=1, max=3)
    environment = edge_environment(folder, functions, redis_url)
    keys = [
        KeyEntry(key_id=text, hash=hash_key(text), tenant=tenant, role="meter", scopes=[])
        for tenant, text in KEYS.items()
    ]
    snapshot = msgspec.structs.replace(SNAPSHOT, keys=keys)
    save_snapshot(Path(environment["GRIDFAAS_STATE_DIR"]) / "snapshot.json", snapshot)
    with running_agent(environment) as agent, running_gateway(environment, port=port):
        zone = Zone(agent, f"http://127.0.0.1:{port}")
        until(lambda: zone.call("nothing").status_code == 404, "the functions are known")
        yield zone


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:gridfaas:problem:")


def test_a_call_that_wants_too_much_memory_ends_its_worker_and_the_next_one_serves(
    zone: Zone,
) -> None:
    modest = zone.call("greedy/8")
    greedy = zone.call("greedy/512")

    assert modest.status_code == 200
    assert problem(greedy) == (502, "function-failed")
    assert "MemoryError" not in greedy.text
    until(lambda: zone.call("greedy/8").text != modest.text, "another worker serves")


def test_a_worker_that_keeps_what_it_takes_hurts_its_own_tenant_only(zone: Zone) -> None:
    neighbour = zone.call("greedy/8", tenant="basra")
    answers = [zone.call("greedy/8/keep") for _ in range(20)]

    assert answers[0].status_code == 200
    failed = [answer for answer in answers if answer.status_code != 200]
    assert failed
    assert {problem(answer) for answer in failed} == {(502, "function-failed")}
    until(lambda: zone.call("greedy/8").status_code == 200, "a fresh worker serves")
    after = zone.call("greedy/8", tenant="basra")
    assert (after.status_code, after.text) == (200, neighbour.text)


def test_a_worker_never_has_more_calls_than_its_function_takes(zone: Zone) -> None:
    answers = zone.call_at_once("busy/0.3", times=8)

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text.split()[0] for answer in answers}) == 1
    assert max(int(answer.text.split()[1]) for answer in answers) == 2


def test_a_function_that_may_have_more_workers_gets_them_and_no_more(zone: Zone) -> None:
    def workers() -> set[str]:
        answers = zone.call_at_once("wide/0.3", times=12)
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.text.split()[1] for answer in answers} == {"1"}
        return {answer.text.split()[0] for answer in answers}

    until(lambda: len(workers()) == 3, "three workers share the calls")
    assert len(workers()) == 3
    assert len([one for one in zone.agent.instances() if one["function"] == "wide"]) == 3


def test_a_worker_killed_in_a_call_is_answered_for_and_replaced(zone: Zone) -> None:
    with ThreadPoolExecutor(1) as callers:
        first = int(zone.call("busy/0.3").text.split()[0])
        under_way = callers.submit(zone.call, "busy/5")
        until(lambda: _active(zone, first), "the worker has the call")
        os.kill(first, signal.SIGKILL)

        # A GET may be sent again, so the caller sees either the next worker or a problem.
        answer = under_way.result()
    assert answer.status_code in (200, 502, 503)
    second = until(
        lambda: (found := zone.call("busy/0.3")).status_code == 200 and found, "another worker"
    )
    assert int(second.text.split()[0]) != first


def _active(zone: Zone, pid: int) -> int:
    return sum(one["active"] for one in zone.agent.instances() if one["pid"] == pid)
