import pytest

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.gateway import BODY_BYTES, bars, body_of_400_bytes
from deploy.benchmarks.upstream_load import spread_of_time
from deploy.benchmarks.wrk import post_script, read_latency
from deploy.cli.bench import balancing_table, gateway_table

OUTPUT = """Running 2s test @ http://127.0.0.1:1/
  Latency Distribution
     50%  123.00us
     75%    1.20ms
     90%    1.50s
     99%    2.00m
  10 requests in 2.00s, 1KB read
"""


def test_wrk_gives_its_percentiles_in_units_of_its_own() -> None:
    assert [read_latency(OUTPUT, percent) for percent in (50, 75, 90, 99)] == [
        123.0,
        1_200.0,
        1_500_000.0,
        120_000_000.0,
    ]
    # Of whole seconds it prints a blank behind the unit.
    assert read_latency(OUTPUT.replace("1.50s", "1.04s "), 90) == 1_040_000.0
    with pytest.raises(MeasurementFailed):
        read_latency("nothing", 50)


def side(cpu_us: float, p50_us: float, rate: float) -> dict[str, dict[str, float]]:
    figures = {"cpu_us_per_request": cpu_us, "p50_us": p50_us, "requests_per_second": rate}
    return {"1": figures, "32": figures}


def test_bars_compare_within_a_round_and_take_the_median() -> None:
    rounds = [
        {
            "nginx": side(10 * slow, 20, 9_000),
            "gateway": side(40 * slow, 50, 4_000),
            "plain_proxy": side(900, 900, 400 * slow),
        }
        for slow in (1, 2, 4)
    ]

    found = bars(rounds)

    assert found["gateway_vs_nginx"] == {"value": 0.25, "target": 0.2, "met": True}
    assert found["gateway_p50_vs_nginx"] == {"value": 2.5, "target": 3.0, "met": True}
    assert found["gateway_vs_plain_proxy"] == {"value": 5.0, "target": 10.0, "met": False}


def test_the_body_has_400_bytes_and_is_sent_with_the_key() -> None:
    body = body_of_400_bytes()

    assert len(body.encode()) == BODY_BYTES == 400
    assert 'wrk.headers["authorization"] = "Bearer gf_x"' in post_script(body=body, key="gf_x")


def test_the_spread_is_that_of_the_time_workers_were_busy() -> None:
    assert spread_of_time(calls=[400, 100], service_ms=[2.0, 8.0]) == 0
    assert spread_of_time(calls=[100, 0], service_ms=[1.0, 1.0]) == 1
    assert spread_of_time(calls=[0, 0], service_ms=[1.0, 1.0]) == 0


def test_tables_have_a_line_for_each_measurement() -> None:
    medians = {"nginx": {"1": {**side(1, 2, 3)["1"], "p99_us": 4}}}
    assert "nginx" in gateway_table({"medians": medians}).splitlines()[1]
    policies = {"mhbco": {"requests_per_second": 1, "p50_us": 2, "p99_us": 3, "spread": 0.5}}
    assert "0.500" in balancing_table({"medians": policies}).splitlines()[1]
