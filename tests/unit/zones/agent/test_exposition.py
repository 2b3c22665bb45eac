import pytest

from zones.agent.exposition import MAX_SERIES, ExpositionRefused, read_exposition

FORCED = {"tenant": "acme", "function": "mdms", "zone": "zone-3a"}


def test_a_worker_speaks_for_itself_alone() -> None:
    text = '# TYPE a_total counter\na_total{tenant="basra",zone="zone-1",outcome="accepted"} 3\n'

    families = read_exposition(text, forced=FORCED)

    ((name, labels),) = families["a"].values
    assert name == "a_total"
    assert dict(labels) == FORCED | {"outcome": "accepted"}


def test_the_platforms_own_function_may_speak_of_tenants() -> None:
    text = '# TYPE a gauge\na{tenant="basra"} 3\n'

    families = read_exposition(text, forced={"function": "traffic_scheduling"})

    ((_, labels),) = families["a"].values
    assert dict(labels) == {"function": "traffic_scheduling", "tenant": "basra"}


@pytest.mark.parametrize(
    "name",
    [
        "gateway_function_invocation_total",
        "gridfaas_instances",
        "gridfaas_snapshot_version",
        "gridfaas_hot_up",
        "process_cpu_seconds_total",
        "up",
    ],
)
def test_names_of_the_platforms_processes_are_not_a_workers(name: str) -> None:
    text = f"# TYPE {name} gauge\n{name} 1\n# TYPE mine gauge\nmine 1\n"

    assert list(read_exposition(text, forced=FORCED)) == ["mine"]


@pytest.mark.parametrize(
    "name", ["gridfaas_hot_storage_held_bytes", "gridfaas_cold_storage_retention_days"]
)
def test_services_named_like_stores_speak_for_themselves(name: str) -> None:
    families = read_exposition(f"# TYPE {name} gauge\n{name} 1\n", forced={"zone": "zone-2"})

    assert set(families) == {name}


def test_instants_of_creation_and_summaries_are_left_out() -> None:
    text = """
# TYPE a_total counter
a_total 3
# TYPE a_created gauge
a_created 1.7e9
# TYPE b summary
b_count 1
b_sum 2
no_type 1
"""

    assert list(read_exposition(text, forced=FORCED)) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"json": true}', id="json"),
        pytest.param("# TYPE a gauge\na one\n", id="not_a_number"),
        pytest.param(f'# TYPE a gauge\na{{b="{"x" * 200}"}} 1\n', id="a_long_label"),
        pytest.param(
            "# TYPE a gauge\n" + "".join(f'a{{b="{n}"}} 1\n' for n in range(MAX_SERIES + 1)),
            id="too_many_series",
        ),
    ],
)
def test_what_cannot_be_taken(text: str) -> None:
    with pytest.raises(ExpositionRefused):
        read_exposition(text, forced=FORCED)
