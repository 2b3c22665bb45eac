from pathlib import Path

import pytest

from storage.platform.functions.spec import Schedule, Topic
from storage.platform.functions.spec_error import SpecError
from storage.platform.functions.spec_file import (
    load_function,
    load_services,
    parse_function,
)

ROOT = Path(__file__).parents[5]
SERVICE = """
name: mdms
tiers: [1, 2, 3]
role: FaaS
route_prefix: /v1/mdms
app: "functions.mdms.app:create_app"
scopes: {read: [mdms:read], write: [mdms:write]}
memory_mb: 512
concurrency: 8
idle_s: 60
max: 4
triggers: []
"""
OWN = """\
name: late-meters
memory_mb: 128
scale:
  metric: rate
  target: 20
triggers:
  - type: schedule
    cron: "*/5 * * * *"
    time_zone: Asia/Baghdad
  - type: topic
    topic: meter-events
config:
  LIMIT: "10"
secrets: [crm_token]
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name / "function.yaml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_the_platforms_own_services_load() -> None:
    services = load_services(ROOT / "functions")

    assert {"mdms", "traffic_scheduling"} <= set(services)
    assert services["mdms"].scopes.write == ["mdms:write"]


def test_a_tenants_function_needs_a_name_only() -> None:
    spec = parse_function("name: hello\n")

    assert (spec.tiers, spec.memory_mb, spec.max) == ([1, 2, 3], 256, 1)


def test_what_a_tenant_declares_is_read() -> None:
    spec = parse_function(OWN)

    assert spec.triggers == [
        Schedule(cron="*/5 * * * *", time_zone="Asia/Baghdad"),
        Topic(topic="meter-events", tries=5),
    ]
    assert (spec.scale.metric, spec.scale.target) == ("rate", 20)
    assert (spec.config, spec.secrets) == ({"LIMIT": "10"}, ["crm_token"])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        pytest.param("memory_mb: 128", "memory_mb: much", 2, "memory_mb", id="memory_in_words"),
        pytest.param("memory_mb: 128", "memory: 128", 2, "memory", id="unknown_field"),
        pytest.param("  target: 20", "  goal: 20", 5, "scale.goal", id="unknown_field_within"),
        pytest.param("metric: rate", "metric: luck", 4, "scale.metric", id="not_a_choice"),
        pytest.param("metric: rate", "metric: concurrency", 5, "scale.target", id="share_of_20"),
        pytest.param('"*/5 * * * *"', '"* * * *"', 8, "triggers[0].cron", id="four_fields"),
        pytest.param('"*/5 * * * *"', '"61 * * * *"', 8, "triggers[0].cron", id="minute_61"),
        pytest.param("Asia/Baghdad", "Bagdad", 9, "triggers[0].time_zone", id="no_such_zone"),
        pytest.param("    topic:", "    subject:", 11, "triggers[1].subject", id="topic_misnamed"),
        pytest.param('"10"', "10", 13, "config[...]", id="config_not_quoted"),
        pytest.param("[crm_token]", "[1x]", 14, "secrets[0]", id="secret_begins_with_digit"),
        pytest.param("memory_mb: 128", "min: 5", 2, "min", id="minimum_above_maximum"),
        pytest.param("memory_mb: 128", "tiers: [0]", 2, "tiers[0]", id="tier_0"),
        pytest.param("memory_mb: 128", "app: a:b", 2, "app", id="app_is_the_platforms"),
        pytest.param("memory_mb: 128", "owner: platform", 2, "owner", id="owner_is_the_platform"),
        pytest.param("name: late-meters", "name: ../up", 1, "name", id="name_leads_up"),
        pytest.param("name: late-meters", "tiers: [1]", 1, "name", id="no_name"),
        pytest.param("memory_mb: 128", "memory_mb: [", 4, None, id="not_yaml"),
        pytest.param("memory_mb: 128", "pids: 2026-02-31", None, None, id="no_such_date"),
    ],
)
def test_a_fault_is_named_by_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int | None, field: str | None
) -> None:
    assert old in OWN
    path = write(tmp_path, "f", OWN.replace(old, new))

    with pytest.raises(SpecError) as refused:
        load_function(path)

    error = refused.value
    assert (error.file, error.field) == (str(path), field)
    assert error.line == line or line is None
    assert error.advice
    assert str(error).startswith(f"{path}:{error.line}: {field or ''}".rstrip())


def test_what_may_stand_in_the_place_of_an_unknown_field_is_listed() -> None:
    with pytest.raises(SpecError, match="known here: metric, target, stable_s"):
        parse_function("name: f\nscale: {goal: 1}\n")


@pytest.mark.parametrize("text", ["", "[]", "name", "name: f\nname: g\n? [a]\n: b\n"])
def test_what_is_no_mapping_of_fields_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"function\.yaml"):
        parse_function(text)


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(SpecError):
        parse_function("name: " + "[" * 20_000)


@pytest.mark.parametrize("lack", ["route_prefix", "app"])
def test_a_service_needs_a_path_and_an_application(tmp_path: Path, lack: str) -> None:
    lines = [line for line in SERVICE.splitlines() if not line.startswith(lack)]
    write(tmp_path, "mdms", "\n".join(lines))

    with pytest.raises(SpecError, match=f"{lack}: a service has none"):
        load_services(tmp_path)


def test_two_services_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", SERVICE)
    write(tmp_path, "b", SERVICE)

    with pytest.raises(SpecError, match="another function is named 'mdms'"):
        load_services(tmp_path)


def test_a_folder_without_a_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"function\.yaml: No such file"):
        load_function(tmp_path / "function.yaml")


def test_a_text_that_nests_without_end_is_refused_by_its_line() -> None:
    with pytest.raises(SpecError) as caught:
        parse_function("name: hello\ntriggers: " + "[" * 30_000)

    assert caught.value.line == 2
    assert "nests deeper" in caught.value.reason


def test_references_are_refused_as_each_may_stand_for_ten_others() -> None:
    text = "name: hello\nconfig: &one {a: b}\nsecrets: *one\n"

    with pytest.raises(SpecError) as caught:
        parse_function(text)

    assert caught.value.line == 3
    assert "refers to another place" in caught.value.reason


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("cpu: .inf", "cpu"),
        ("asynchronous: {keep_result_s: 1000000000000}", "asynchronous.keep_result_s"),
        ("triggers: [{type: topic, topic: t, tries: 9999}]", "triggers[0].tries"),
        ("max: 1000000\nmin: 1000000", "min"),
        ("queue: 1" + "0" * 400, "queue"),
    ],
)
def test_a_function_may_not_ask_for_more_than_any_zone_has(asked: str, field: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_function(f"name: hello\n{asked}\n")

    assert caught.value.field == field
    assert "too much" in caught.value.reason


def test_a_schedules_body_is_what_json_can_hold() -> None:
    with pytest.raises(SpecError) as caught:
        parse_function(
            "name: hello\ntriggers:\n- type: schedule\n  cron: '* * * * *'\n  body: [.nan]\n"
        )

    assert caught.value.field == "triggers[0].body"
