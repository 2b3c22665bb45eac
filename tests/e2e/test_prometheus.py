"""A lab with Prometheus: all is scraped, and no rule and no panel is empty for a wrong name."""

import asyncio
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.lab.home import Home
from deploy.lab.replay import replay_day
from deploy.lab.running import RunningLab, running_lab
from deploy.lab.topology import gateway_url, lab_topology, named_design
from tests.e2e.free_ports import free_ports
from tests.e2e.lab import Silent
from tests.unit.deploy.grafana.panels import Question, questions

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
# Nobody was turned down for too many calls.
WITHOUT_A_CAUSE = {"zone_tenant:gateway_rate_limited:rate5m"}
# Nobody calls for later, nothing is old enough to be demoted, and so nothing has to be recalled.
NOTHING_TO_SHOW = {
    ("functions", "Calls for later"),
    *(
        ("tiering", panel)
        for panel in (
            *("Blocks by tier", "Where reads were answered", "Recalls", "Time of a recall (p95)"),
            *("Staleness", "Demoted and promoted", "Demotions refused", "Since the last demotion"),
        )
    ),
}
OWN = re.compile(r"(?<![\w:])(?:gridfaas|gateway)_\w+")
START_S = 180.0
FILL_S = 90.0


def of_rules(kind: str) -> set[str]:
    files = [yaml.safe_load(path.read_text()) for path in RULES.glob("*.yml")]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule[kind] for rule in rules if kind in rule}


class Api:
    """Prometheus' own HTTP API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, path: str, **params: str) -> Any:
        try:
            answer = await self._http.get(f"/api/v1/{path}", params=params)
        except httpx.TransportError:
            return None
        return answer.json()["data"] if answer.status_code == 200 else None

    async def answers(self, question: Question) -> bool:
        """Tell whether a dashboard's question has an answer with the labels of its legend."""
        found = await self.ask("query", query=question.asked_for_all())
        return any(
            question.labels <= series["metric"].keys() for series in (found or {}).get("result", ())
        )

    async def zones(self, query: str) -> set[str]:
        """Name the zones that a query has an answer for."""
        found = await self.ask("query", query=query)
        return {series["metric"].get("zone", "") for series in (found or {}).get("result", ())}


async def until_none(missing: Any, what: str) -> None:
    deadline = time.monotonic() + FILL_S
    while left := await missing():
        assert time.monotonic() < deadline, f"{what}: {left}"
        await asyncio.sleep(1)


@pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="Prometheus is not installed (Debian: apt install prometheus)",
)
@pytest.mark.timeout(420)
async def test_all_is_scraped_and_every_rule_and_panel_has_an_answer(lab_folder: Path) -> None:
    design = named_design("fc-ec")
    # Gateways, Prometheus, links and the links' metrics.
    count = 2 * len(lab_topology(design).zones) + 4
    topology = lab_topology(design, first_port=free_ports(count))
    deadline = time.monotonic() + START_S
    async with running_lab(
        Home(lab_folder / "state", lab_folder / "run"),
        topology,
        environ={"PATH": os.environ["PATH"]},
        deadline=deadline,
        reporter=Silent(),
    ) as lab:
        assert lab.prometheus_url is not None
        await replay_day(lab, meters=8, seed=1, pv_share=0.0, deadline=deadline, reporter=Silent())
        async with httpx.AsyncClient(base_url=lab.prometheus_url, trust_env=False) as http:
            await turn_one_caller_down(lab)
            await check(Api(http), zones={zone.name for zone in topology.zones})


async def turn_one_caller_down(lab: RunningLab) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.get(f"{gateway_url(lab.topology.zones[0])}/v1/mdms/meters")


async def check(api: Api, *, zones: set[str]) -> None:
    async def silent_targets() -> set[str]:
        return zones - await api.zones('up{job="gateway"} == 1 and on (zone) up{job="agent"} == 1')

    async def empty_recordings() -> set[str]:
        records = of_rules("record") - WITHOUT_A_CAUSE
        return {record for record in records if not await api.zones(record)}

    async def unknown_metrics() -> set[str]:
        expressions = " ".join(of_rules("expr"))
        named = set(OWN.findall(expressions))
        return named - set(await api.ask("label/__name__/values") or ())

    async def silent_links() -> set[str]:
        found = await api.ask("query", query='up{job="link"} == 1')
        return set() if found and found["result"] else {"links"}

    async def unknown_to_dashboards() -> set[str]:
        families = set(await api.ask("metadata") or ())
        families |= {f"{name}{end}" for name in families for end in ("_total", "_bucket")}
        asked = " ".join(question.expression for question in questions())
        return set(OWN.findall(asked)) - families

    async def empty_panels() -> set[str]:
        return {
            str(question)
            for question in questions()
            if (question.dashboard, question.panel) not in NOTHING_TO_SHOW
            and not await api.answers(question)
        }

    await until_none(silent_targets, "zones that are not scraped")
    await until_none(silent_links, "links that are not scraped")
    await until_none(empty_recordings, "recordings without an answer")
    await until_none(unknown_metrics, "metrics that rules name and nobody exposes")
    await until_none(empty_panels, "panels without an answer")
    # Also of what has nothing to show here, some process must know the name.
    await until_none(unknown_to_dashboards, "metrics that dashboards name and nobody exposes")
    for record in sorted(of_rules("record") - WITHOUT_A_CAUSE):
        assert await api.zones(record) <= zones, record
    for group in (await api.ask("rules"))["groups"]:
        assert [rule["lastError"] for rule in group["rules"] if rule.get("lastError")] == []
    firing = await api.ask("query", query='ALERTS{alertstate="firing"}')
    assert firing["result"] == []
