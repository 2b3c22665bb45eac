import pytest

from deploy.benchmarks.coldstart_bars import bars, percentile, summary
from deploy.cli.bench import coldstart_table


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([5.0], 0.95, 5.0, id="one_start_is_every_percentile"),
        pytest.param([float(n) for n in range(1, 21)], 0.95, 19.0, id="nineteenth_of_twenty"),
        pytest.param([3.0, 1.0, 2.0], 0.5, 2.0, id="the_median_of_unsorted_values"),
    ],
)
def test_percentiles_are_nearest_ranks(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_a_bar_is_met_by_its_p95_and_left_out_where_nothing_was_measured() -> None:
    rounds = [{"process_raw": 20.0, "process_fastapi": 200.0} for _ in range(20)]

    found = bars(summary(rounds))

    assert found["process_raw_p95_ms"] == {"value": 20.0, "target": 60.0, "met": True}
    assert found["process_fastapi_p95_ms"]["met"] is False
    assert set(found) == {"process_raw_p95_ms", "process_fastapi_p95_ms"}


def test_the_table_says_what_was_skipped_and_why() -> None:
    found = summary([{"process_raw": 20.0}])

    table = coldstart_table({"first_reply": found, "skipped": {"docker_cold": "no engine"}})

    assert "process_raw" in table
    assert "docker_cold: skipped: no engine" in table
