"""What an agent exposes of itself, its store and its workers, living and dead."""

import os
import signal

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.zones.agent_process import Agent, call, until


def figure(agent: Agent, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(agent.http.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def asked(agent: Agent) -> float | None:
    return figure(agent, "raw_asked_total", tenant="acme", function="raw", zone="zone-3a")


def test_counters_survive_a_killed_worker(own_agent: Agent) -> None:
    (first,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    for _ in range(3):
        call(first["socket"])
    until(lambda: asked(own_agent) == 3, "the agent has heard of three calls")

    os.kill(own_agent.instances()[0]["pid"], signal.SIGKILL)
    until(lambda: figure(own_agent, "gridfaas_instance_deaths_total"), "the death is counted")
    assert asked(own_agent) == 3

    (second,) = own_agent.ensure(tenant="acme", function="raw").json()["instances"]
    call(second["socket"])

    until(lambda: asked(own_agent) == 4, "the next worker's call adds up")
    assert figure(own_agent, "raw_asked_total", tenant="other") is None


def test_asking_for_metrics_keeps_no_worker_alive(own_agent: Agent) -> None:
    (instance,) = own_agent.ensure(tenant="acme", function="brief").json()["instances"]
    call(instance["socket"])

    def gone() -> bool:
        own_agent.http.get("/metrics")
        return own_agent.instances() == []

    until(gone, "the worker ends while it is asked for its metrics")

    # Its last words were heard before it was told to end.
    assert figure(own_agent, "raw_asked_total", function="brief", tenant="acme") == 1
    assert figure(own_agent, "gridfaas_instance_calls_total", function="brief") == 1
    assert figure(own_agent, "gateway_service_count", function_name="brief", tenant="acme") == 0


def test_the_zone_and_its_store_are_in_sight(agent: Agent) -> None:
    agent.ensure(tenant="basra", function="raw")

    assert figure(agent, "gateway_service_count", function_name="raw", tenant="basra") == 1
    assert figure(agent, "gridfaas_zone_check", check="walls") == 1
    assert figure(agent, "gridfaas_snapshot_version") == 7
    assert figure(agent, "gridfaas_build_info", component="agent") == 1
    until(lambda: figure(agent, "gridfaas_hot_up") == 1, "the hot store was asked")
    used = figure(agent, "gridfaas_hot_memory_bytes")
    limit = figure(agent, "gridfaas_hot_memory_limit_bytes")
    assert used is not None
    assert limit is not None
    assert 0 < used < limit


def test_a_worker_without_metrics_is_no_failure(agent: Agent) -> None:
    agent.ensure(tenant="acme", function="fast")

    agent.http.get("/metrics")

    assert figure(agent, "gridfaas_worker_scrape_failures_total", function="fast") is None
