"""wrk's report is read to the figures, and refused when requests failed."""

import pytest

from deploy.benchmarks.failure import MeasurementFailed, PeerMissing
from deploy.benchmarks.sender import find_wrk, read_wrk

REPORT = """Running 2s test @ http://127.0.0.1:46449
  1 threads and 4 connections
  206988 requests in {spent}, 27.64MB read
Requests/sec: 103481.06
"""


@pytest.mark.parametrize(
    ("spent", "seconds"), [("2.10s", 2.1), ("999.50ms", 0.9995), ("1.50m", 90.0)]
)
def test_requests_and_seconds(spent: str, seconds: float) -> None:
    figures = read_wrk(REPORT.format(spent=spent))

    assert figures["requests"] == 206_988
    assert figures["seconds"] == pytest.approx(seconds)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param("unable to connect to 127.0.0.1:9", id="no_figures"),
        pytest.param(REPORT.format(spent="2s") + "Non-2xx or 3xx responses: 7", id="bad_answers"),
        pytest.param(REPORT.format(spent="2s") + "Socket errors: read 3", id="broken_lines"),
    ],
)
def test_a_report_of_failures_is_no_measurement(report: str) -> None:
    with pytest.raises(MeasurementFailed, match="wrk says"):
        read_wrk(report)


def test_without_wrk_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRK", "/nowhere/wrk")

    with pytest.raises(PeerMissing, match="apt install wrk"):
        find_wrk()
