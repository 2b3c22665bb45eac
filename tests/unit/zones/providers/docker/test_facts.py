import json
from typing import Any

import pytest

from zones.providers.docker.facts import ConfigUnreadable, Facts, read_facts


def read(*, tenant_uids: bool = False, **change: Any) -> Facts:
    config = {
        "function": "peak",
        "tenant": "acme",
        "tenant_number": 7,
        "socket": "/run/zone/w/1",
        "gateway_url": "http://127.0.0.1:8083",
        "version": 3,
        "uid": 200_001,
        "gid": 200_001,
        "redis_url": "unix:///run/kv/redis.sock?password=secret",
    }
    return read_facts(
        *("0a1b", json.dumps(config | change).encode()),
        own_uid=1_000,
        own_gid=1_000,
        tenant_uids=tenant_uids,
    )


def test_the_order_to_the_spawner_has_no_credential_in_it() -> None:
    facts = read()

    assert "secret" not in repr(facts.start)
    assert (facts.start.uid, facts.start.version) == (200_001, 3)


def test_a_worker_without_a_uid_of_its_own_gets_the_agents() -> None:
    assert read(uid=None, gid=None).start.uid == 1_000


def test_a_tenants_uid_needs_no_agent_that_is_root() -> None:
    start = read(uid=None, gid=None, tenant_uids=True).start

    assert (start.uid, start.gid) == (200_007, 200_007)


def test_in_the_container_the_gateway_is_on_its_own_loopback_and_no_uid_is_left_to_take() -> None:
    facts = read(gateway_url="http://gateway.zone:8083")
    told = json.loads(facts.config)

    assert facts.gateway == ("gateway.zone", 8083)
    assert told["gateway_url"] == "http://127.0.0.1:8080"
    assert (told["uid"], told["gid"], told["tmp_dir"]) == (None, None, "/tmp")


def test_a_gateway_behind_tls_is_left_as_it_is() -> None:
    facts = read(gateway_url="https://gateway.zone")

    assert facts.gateway is None
    assert json.loads(facts.config)["gateway_url"] == "https://gateway.zone"


def test_two_starts_of_the_same_version_are_of_one_kind() -> None:
    assert read(socket="/run/zone/w/1").kind == read(socket="/run/zone/w/2").kind


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "basra"},
        {"function": "other"},
        {"version": 4},
        {"redis_url": "unix:///run/kv/redis.sock?password=rotated"},
        {"secrets": {"token": "x"}},
        {"memory_mb": 512},
    ],
)
def test_another_tenant_version_or_configuration_is_another_kind(change: dict[str, Any]) -> None:
    assert read(**change).kind != read().kind


@pytest.mark.parametrize(
    "change", [{"uid": 0}, {"pids": 0}, {"tenant": "../x"}, {"cpu": 0.0}, {"version": "three"}]
)
def test_what_no_container_can_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigUnreadable):
        read(**change)
