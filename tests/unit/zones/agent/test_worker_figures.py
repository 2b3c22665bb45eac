from prometheus_client import CollectorRegistry, generate_latest

from zones.agent.exposition import read_exposition
from zones.agent.worker_figures import MAX_KEPT_SERIES, WorkerFigures

ACME = ("acme", "mdms")
BASRA = ("basra", "mdms")


def exposition(*, readings: int = 0, backlog: int = 0, fast: int = 0, slow: int = 0) -> str:
    return f"""
# HELP gridfaas_mdms_readings_total Readings answered.
# TYPE gridfaas_mdms_readings_total counter
gridfaas_mdms_readings_total{{outcome="accepted"}} {readings}
# HELP gridfaas_uplink_backlog_bytes What waits.
# TYPE gridfaas_uplink_backlog_bytes gauge
gridfaas_uplink_backlog_bytes {backlog}
# HELP gridfaas_mdms_fold_seconds A step.
# TYPE gridfaas_mdms_fold_seconds histogram
gridfaas_mdms_fold_seconds_bucket{{le="0.1"}} {fast}
gridfaas_mdms_fold_seconds_bucket{{le="+Inf"}} {fast + slow}
gridfaas_mdms_fold_seconds_count {fast + slow}
gridfaas_mdms_fold_seconds_sum {slow}
"""


def say(figures: WorkerFigures, group: tuple[str, str], instance: str, text: str) -> None:
    tenant, function = group
    forced = {"tenant": tenant, "function": function, "zone": "zone-3a"}
    figures.said(group, instance, read_exposition(text, forced=forced))


def shown(figures: WorkerFigures) -> str:
    registry = CollectorRegistry()
    registry.register(figures)
    return generate_latest(registry).decode()


def accepted(figures: WorkerFigures, tenant: str = "acme") -> float | None:
    registry = CollectorRegistry()
    registry.register(figures)
    labels = {"tenant": tenant, "function": "mdms", "zone": "zone-3a", "outcome": "accepted"}
    return registry.get_sample_value("gridfaas_mdms_readings_total", labels)


def test_counters_survive_a_worker_and_add_up_over_its_successors() -> None:
    figures = WorkerFigures()
    say(figures, ACME, "one", exposition(readings=10, fast=1, slow=2))
    say(figures, ACME, "one", exposition(readings=25, fast=2, slow=3))
    figures.ended(ACME, "one")
    assert accepted(figures) == 25

    say(figures, ACME, "two", exposition(readings=7, fast=1, slow=1))
    assert accepted(figures) == 32
    figures.ended(ACME, "two")

    assert accepted(figures) == 32
    text = shown(figures)
    labels = 'function="mdms",le="0.1",tenant="acme",zone="zone-3a"'
    assert f"gridfaas_mdms_fold_seconds_bucket{{{labels}}} 3.0" in text
    assert text.index('le="0.1"') < text.index('le="+Inf"')


def test_gauges_end_with_their_worker() -> None:
    figures = WorkerFigures()
    say(figures, ACME, "one", exposition(backlog=5))
    say(figures, ACME, "two", exposition(backlog=9))
    assert "gridfaas_uplink_backlog_bytes{" in shown(figures)
    assert "} 9.0" in shown(figures)

    figures.ended(ACME, "two")
    assert "} 5.0" in shown(figures)
    figures.ended(ACME, "one")

    assert "backlog" not in shown(figures)


def test_tenants_are_apart() -> None:
    figures = WorkerFigures()
    say(figures, ACME, "one", exposition(readings=10))
    say(figures, BASRA, "two", exposition(readings=3))
    figures.ended(ACME, "one")

    assert (accepted(figures, "acme"), accepted(figures, "basra")) == (10, 3)
    assert shown(figures).count("# TYPE gridfaas_mdms_readings_total counter") == 1


def test_a_worker_that_ends_twice_or_unheard_counts_once() -> None:
    figures = WorkerFigures()
    figures.ended(ACME, "never-heard")
    say(figures, ACME, "one", exposition(readings=4))
    figures.ended(ACME, "one")
    figures.ended(ACME, "one")

    assert accepted(figures) == 4


def test_invented_labels_do_not_grow_without_end() -> None:
    figures = WorkerFigures()
    for life in range(10):
        lines = "\n".join(f'x_total{{id="{life}-{n}"}} 1' for n in range(1_000))
        say(figures, ACME, str(life), f"# TYPE x counter\n{lines}\n")
        figures.ended(ACME, str(life))

    assert shown(figures).count("\nx_total{") <= MAX_KEPT_SERIES
