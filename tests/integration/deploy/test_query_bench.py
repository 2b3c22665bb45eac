"""`gridfaas bench query` on a small fleet: both sides say the same, and every figure is there."""

import pytest

from deploy.benchmarks.query import TARGET, compare_queries
from tests.e2e.lab import Silent

pytestmark = pytest.mark.timeout(240)


async def test_both_sides_have_the_same_sums_and_figures_are_whole() -> None:
    found = await compare_queries(
        rounds=3, meters=100, days=2, command="bench query", reporter=Silent()
    )

    bar = found["bars"]["month_tou_vs_rows"]
    assert bar["target"] == TARGET
    assert bar["value"] == min(bar["ratios"].values()) > 0
    assert set(bar["ratios"]) == {"by_calendar", "by_clock"}
    assert set(found["peer_workers"]) == {"by_calendar", "by_clock"}
    assert found["answer_rows"] == 100 * 3
    assert found["load"]["readings"] == 100 * 2 * 96
    assert len(found["rounds"]) == 3
    assert set(found["hot_day_ms"]) == {"p50", "p95"}
    assert set(found["cold_day_ms"]) == {"first", "second"}
    assert 0 < found["sizes"]["blocks_bytes_per_reading"] < found["sizes"]["rows_bytes_per_reading"]
