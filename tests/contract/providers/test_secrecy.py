"""Who can see what a worker was told: its own function, and nobody else."""

import json
import secrets

import docker
import psutil
import pytest

from tests.contract.providers.subject import Subject


async def test_the_configuration_is_in_no_argument_and_no_environment(subject: Subject) -> None:
    secret = secrets.token_hex(12)
    pid = await subject.ready("one", redis_url=f"unix:///nowhere?password={secret}")

    seen = (await subject.call("one", "see")).json()

    assert secret not in json.dumps([seen["environ"], seen["argv"]])
    told = [
        [one.cmdline(), one.environ()]
        for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    ]
    assert secret not in json.dumps(told)


async def test_an_engine_does_not_know_the_configuration(
    subject: Subject, request: pytest.FixtureRequest
) -> None:
    if subject.kind != "docker":
        pytest.skip("processes are known to no engine")
    secret = secrets.token_hex(12)
    await subject.ready("one", redis_url=f"unix:///nowhere?password={secret}")
    engine: docker.DockerClient = request.getfixturevalue("engine")

    known = [one.attrs for one in engine.containers.list(filters={"label": "gridfaas.zone"})]

    assert any(one["Config"]["Labels"]["gridfaas.tenant"] == "tenant-1" for one in known)
    assert secret not in json.dumps(known)


async def test_a_worker_has_its_tenants_uid_and_no_privileges(subject: Subject) -> None:
    if subject.base_uid is None:
        pytest.skip("only root gives each tenant a uid")
    await subject.ready("one", tenant=3)

    seen = (await subject.call("one", "see")).json()

    uid = subject.base_uid + 3
    assert seen["uids"] == seen["gids"] == [uid] * 3
    assert set(seen["groups"]) <= {uid}
    facts = dict(line.split(":\t", 1) for line in seen["status"].splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
