"""Dashboards and provisioning hang together, and are of the shape that Grafana reads."""

from typing import Any

import pytest
import yaml

from tests.unit.deploy.grafana.panels import DASHBOARDS, ROOT, VARIABLE, dashboards, questions

PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
UNITS = {
    *("none", "short", "s", "bytes", "binBps", "percentunit", "reqps", "ops"),
}
KINDS = {"timeseries", "stat", "state-timeline"}

of_each = pytest.mark.parametrize("name", [path.stem for path in DASHBOARDS])


def provisioned(kind: str) -> Any:
    (path,) = (PROVISIONING / kind).glob("*.yml")
    return yaml.safe_load(path.read_text())


def test_what_a_lab_wants_to_see_is_there() -> None:
    found = dashboards()

    assert set(found) == {"zones", "tenants", "functions", "tiering", "links"}
    assert len({dashboard["uid"] for dashboard in found.values()}) == len(found)
    assert len({dashboard["title"] for dashboard in found.values()}) == len(found)


@of_each
def test_a_dashboard_has_what_grafana_needs(name: str) -> None:
    dashboard = dashboards()[name]

    assert dashboard["uid"] == f"gridfaas-{name}"
    assert len(dashboard["uid"]) <= 40
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["editable"] is False
    # Grafana gives ids of its own to what is provisioned.
    assert "id" not in dashboard
    for variable in dashboard["templating"]["list"]:
        assert variable["type"] == "query"
        assert variable["includeAll"] is True
        assert variable["allValue"] == ".*"
        assert variable["definition"] == variable["query"]["query"]


@of_each
def test_every_panel_says_what_it_shows(name: str) -> None:
    panels = dashboards()[name]["panels"]

    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in KINDS, panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        assert [target["refId"] for target in panel["targets"]] == [
            *"ABCDEF"[: len(panel["targets"])]
        ]
        for target in panel["targets"]:
            assert target["legendFormat"], panel["title"]


@of_each
def test_panels_do_not_overlap(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboards()[name]["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]


@of_each
def test_everything_is_asked_of_the_source_that_is_provisioned(name: str) -> None:
    (source,) = provisioned("datasources")["datasources"]
    dashboard = dashboards()[name]
    asked = [
        asking["datasource"]
        for panel in dashboard["panels"]
        for asking in (panel, *panel["targets"])
    ]
    asked += [variable["datasource"] for variable in dashboard["templating"]["list"]]

    assert {(one["type"], one["uid"]) for one in asked} == {(source["type"], source["uid"])}


@of_each
def test_variables_are_those_that_expressions_use(name: str) -> None:
    known = {variable["name"] for variable in dashboards()[name]["templating"]["list"]}
    used = {
        variable
        for question in questions()
        if question.dashboard == name
        for variable in VARIABLE.findall(question.expression)
    }

    assert used == known


def test_compose_mounts_what_is_provisioned_and_runs_the_same_prometheus() -> None:
    stack = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = [entry.split(":") for entry in stack["grafana"]["volumes"]]
    folders = {target: source for source, target, *_ in mounts}
    (provider,) = provisioned("dashboards")["providers"]
    (source,) = provisioned("datasources")["datasources"]

    assert folders[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    settings = stack["grafana"]["environment"]
    assert folders[settings["GF_PATHS_PROVISIONING"]] == "./deploy/grafana/provisioning"
    assert source["url"] == "http://prometheus:9090"
    assert set(stack["grafana"]["networks"]) & set(stack["prometheus"]["networks"])
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/compose.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def test_grafana_is_told_its_password_by_a_file_and_calls_nobody() -> None:
    stack = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    settings = stack["grafana"]["environment"]

    assert settings["GF_SECURITY_ADMIN_PASSWORD__FILE"].startswith("/run/secrets/grafana/")
    assert "GF_SECURITY_ADMIN_PASSWORD" not in settings
    for name in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert settings[f"GF_ANALYTICS_{name}"] == "false"
    assert settings["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert settings["GF_USERS_ALLOW_SIGN_UP"] == "false"
