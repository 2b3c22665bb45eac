"""Prometheus' own tool reads our configuration and runs the unit tests of our rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.deploy.prometheus.promtool import (
    PROMETHEUS,
    RULES,
    needs_promtool,
    promtool,
)

HERE = Path(__file__).parent


def of_rules(kind: str) -> set[str]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule[kind] for group in groups for rule in group["rules"] if kind in rule}


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((HERE / name).read_text())["tests"]
    return found


@needs_promtool
@pytest.mark.parametrize("name", ["lab.yml", "compose.yml"])
def test_the_configuration_can_be_read(name: str) -> None:
    # Keys and targets are files of a running stack: what is checked here is the file itself.
    done = promtool("check", "config", "--syntax-only", PROMETHEUS / name)

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_can_be_read() -> None:
    done = promtool("check", "rules", "--lint-fatal", *RULES)

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", ["recording_test.yml", "alerts_test.yml"])
def test_the_rules_do_what_they_say(name: str) -> None:
    done = promtool("test", "rules", HERE / name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_of_firing_and_of_waiting() -> None:
    tested = {case["name"] for case in cases("alerts_test.yml")}

    assert of_rules("alert") <= tested
    for case in cases("alerts_test.yml"):
        if case["name"] in of_rules("alert"):
            quiet, firing = case["promql_expr_test"]
            assert quiet["expr"] == firing["expr"]
            assert f'alertname="{case["name"]}"' in quiet["expr"]
            assert (quiet["exp_samples"], bool(firing["exp_samples"])) == ([], True)


def test_every_recording_has_a_case() -> None:
    asked = " ".join(
        test["expr"] for case in cases("recording_test.yml") for test in case["promql_expr_test"]
    )

    assert {record for record in of_rules("record") if record not in asked} == set()
