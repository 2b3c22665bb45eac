"""What Prometheus reads at a gateway, and who else may."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.gateway.zone import Answer, ZoneUnderTest, function

KEY = "a-key-for-metrics"


def figure(answer: Answer, name: str, **labels: str) -> float | None:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


@pytest.fixture
def closed_zone(folder: Path) -> Iterator[ZoneUnderTest]:
    """A zone whose metrics are for the holder of a key."""
    zone = ZoneUnderTest(folder)
    (zone.secrets / "metrics_key").write_text(KEY + "\n")
    try:
        zone.start_agent()
        zone.start_gateway()
        zone.wait_until_ready()
        yield zone
    finally:
        zone.close()


def test_the_gateway_counts_calls_by_class_and_refusals_by_reason(zone: ZoneUnderTest) -> None:
    zone.call("GET", "/v1/echo/me")
    zone.call("GET", "/v1/echo/me", key="gf_nobody")
    said = zone.call("GET", "/metrics", key=None)

    calls = "gateway_function_invocation_total"
    echo = {"function_name": "echo", "tenant": "acme", "zone": "zone-2"}
    assert (figure(said, calls, **echo, code="2xx") or 0) >= 1
    assert (figure(said, calls, code="4xx", tenant="", function_name="") or 0) >= 1
    assert (figure(said, "gateway_refused_total", problem="unauthenticated") or 0) >= 1
    assert figure(said, "gateway_calls_in_flight", **echo) == 0
    assert figure(said, "gateway_calls_waiting", **echo) == 0
    assert figure(said, "gateway_ledger_writable", zone="zone-2") == 1
    assert figure(said, "gridfaas_build_info", component="gateway") == 1
    assert (figure(said, "gateway_snapshot_version", zone="zone-2") or 0) >= 1
    assert b"meter" not in said.body


def test_the_agents_metrics_are_passed_on(zone: ZoneUnderTest) -> None:
    answer = zone.call("GET", "/metrics/agent", key=None)

    assert figure(answer, "gridfaas_zygote_up") == 1


def test_a_silent_agent_is_a_failed_scrape_of_it_alone(folder: Path) -> None:
    zone = ZoneUnderTest(folder)
    zone.functions = [function("echo")]
    try:
        zone.start_gateway()

        assert zone.call("GET", "/metrics/agent", key=None).problem() == (
            503,
            "function-unavailable",
        )
        assert figure(zone.call("GET", "/metrics", key=None), "gateway_ledger_writable") == 1
    finally:
        zone.close()


@pytest.mark.parametrize("path", ["/metrics", "/metrics/agent"])
def test_with_a_key_set_only_its_holder_reads(closed_zone: ZoneUnderTest, path: str) -> None:
    assert closed_zone.call("GET", path, key=KEY).status == 200
    for key in (None, "gf_acme", KEY[:-1]):
        assert closed_zone.call("GET", path, key=key).problem() == (401, "unauthenticated")
    assert closed_zone.call("GET", "/healthz", key=None).status == 200
