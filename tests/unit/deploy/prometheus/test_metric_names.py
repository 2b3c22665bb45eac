"""What rules and dashboards speak of exists: processes expose it, or rules record it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from functions.clock_sync.metrics import ClockMetrics
from functions.cold_storage.metrics import ColdMetrics
from functions.hot_storage.metrics import TierMetrics
from functions.mdms.metrics import MdmsMetrics
from functions.messaging.metrics import MessagingMetrics
from functions.traffic_scheduling.metrics import LinkMetrics
from gateway.agent_client import AgentClient
from gateway.fleet import Patience
from gateway.gauges import GatewayGauges
from gateway.instances import Instances
from gateway.ledger.log import LedgerLog
from gateway.metrics import CallMetrics
from gateway.snapshot_watch import SnapshotWatch
from tests.unit.deploy.grafana.panels import questions
from tests.unit.zones.links.line_plans import medium, plan
from zones.agent.ledger_figures import LedgerFigures
from zones.agent.metrics import AgentMetrics
from zones.agent.store_figures import COLD, HOT, StoreFigures
from zones.links.address import Address
from zones.links.emulated_link import EmulatedLink
from zones.links.figures import LinkFigures
from zones.links.relay import Relay

RULES = Path(__file__).parents[4] / "deploy" / "prometheus" / "rules"
OWN = re.compile(r"(?<![\w:])(?:gridfaas|gateway)_\w+")
RECORDED = re.compile(r"(?<![\w:])\w+(?::\w+){2}")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def names_of(families: Iterable[Metric]) -> set[str]:
    return {
        family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ("",))
    }


async def store_names(store: str, gauges: dict[str, tuple[str, str]]) -> set[str]:
    async def ask() -> dict[str, float]:
        return dict.fromkeys(gauges, 1.0)

    async def measure(_: object) -> dict[str, int]:
        return {}

    figures = StoreFigures(store=store, gauges=gauges, ask=ask, measure=measure)
    await figures.refresh()
    return names_of(figures.collect())


@pytest.fixture
async def exposed(tmp_path: Path) -> set[str]:
    """Names in the registries of gateway, agent, workers and links."""
    registry = CollectorRegistry()
    CallMetrics(registry)
    agent = AgentClient(tmp_path / "agent.sock", timeout_s=1)
    gauges = GatewayGauges(
        zone="zone-1",
        instances=Instances(agent, patience=Patience(fresh_s=1, queue_wait_s=1, start_wait_s=1)),
        snapshots=SnapshotWatch(tmp_path / "snapshot.json", every_s=1),
        ledger=LedgerLog(tmp_path / "ledger", segment_bytes=1, max_bytes=1),
    )
    await agent.close()
    mdms = MdmsMetrics(tenant="acme", zone="zone-1")
    mdms.tail(1, oldest_s=1.0)
    mdms.registry_version(1)
    mdms.memory(1)
    mdms.memory_limit(1)
    mdms.uplink_limit(1)
    names = await store_names("hot", HOT) | await store_names("cold", COLD)
    agent_metrics = AgentMetrics(zone="zone-1")
    LedgerFigures(agent_metrics.registry)
    link = EmulatedLink(plan(medium("fibre")), seed=1)
    for collector in (
        LinkFigures([Relay(link, target=Address("127.0.0.1", 1))]),
        TierMetrics(zone="zone-1").registry,
        ColdMetrics(tenant="acme", zone="zone-1").registry,
        registry,
        gauges,
        agent_metrics.registry,
        mdms.registry,
        LinkMetrics(zone="zone-1").registry,
        ClockMetrics(zone="zone-1").registry,
        MessagingMetrics(zone="zone-1").registry,
    ):
        names |= names_of(collector.collect())
    return names


async def test_rules_name_metrics_that_are_exposed(exposed: set[str]) -> None:
    named = {name for rule in rules() for name in OWN.findall(rule["expr"])}

    assert len(named) > 25
    assert named <= exposed


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def test_rules_name_recordings_that_are_made() -> None:
    named = {name for rule in rules() for name in RECORDED.findall(rule["expr"])}

    assert named
    assert named <= recorded()


async def test_dashboards_name_what_is_exposed_or_recorded(exposed: set[str]) -> None:
    asked = [question.expression for question in questions()]
    named = {name for expression in asked for name in OWN.findall(expression)}
    recordings = {name for expression in asked for name in RECORDED.findall(expression)}

    assert len(named) > 40
    assert named <= exposed
    assert recordings
    assert recordings <= recorded()


@pytest.mark.parametrize(
    "rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: str(rule["alert"])
)
def test_an_alert_says_what_it_is_and_waits(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"[1-9]\d*[smh]", rule["for"])
    assert set(rule["annotations"]) == {"summary", "description"}
    for text in rule["annotations"].values():
        assert len(text) > 20


def test_rules_are_labelled_by_nothing_that_could_grow() -> None:
    allowed = {"zone", "tenant", "function", "function_name", "outcome", "check", "le"}
    # Those of a design: a handful of links, each of at most four paths.
    allowed |= {"link", "path"}
    for rule in rules():
        for labels in re.findall(r"\b(?:by|on|group_right) \(([^)]*)\)", rule["expr"]):
            assert {label.strip() for label in labels.split(",") if label.strip()} <= allowed
