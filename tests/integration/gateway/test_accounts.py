"""What is left of a call: the ledger, the limits, the access log."""

import concurrent.futures
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from storage.platform.ledger.segment import read_ledger
from tests.integration.gateway.zone import (
    ACME,
    BETA,
    KEYS,
    TENANTS,
    WRITER_ONLY,
    ZoneUnderTest,
    function,
    key_entry,
)

LOGGING = Path(__file__).parents[3] / "deploy" / "logging.json"


@pytest.fixture
def counted(folder: Path) -> Iterator[ZoneUnderTest]:
    zone = ZoneUnderTest(folder)
    zone.functions = [function("echo", memory_mb=128)]
    try:
        _, worker = zone.start_worker()
        zone.instances = {"acme/echo": [worker], "beta/echo": [worker]}
        zone.start_agent()
        yield zone
    finally:
        zone.close()


def test_every_invocation_is_in_the_ledger(counted: ZoneUnderTest) -> None:
    counted.start_gateway()
    counted.wait_until_ready()
    good = counted.call("POST", "/v1/echo/body", body=b"12345")
    late = counted.call("GET", "/v1/echo/slow?s=9", headers={"X-Timeout-Ms": "100"})
    counted.call("GET", "/v1/none", key=None)

    first, second = read_ledger(counted.folder / "ledger")
    assert (first.call_id, first.tenant, first.function) == (
        good.headers["x-call-id"],
        "acme",
        "echo",
    )
    assert (first.status, first.bytes_in, first.bytes_out, first.memory_mb) == (200, 5, 5, 128)
    assert first.cold
    assert 0 < first.run_us <= first.total_us
    assert (second.status, second.problem) == (late.status, "deadline-exceeded")
    assert not second.cold


def test_answers_that_are_alike_have_their_own_body_cost_and_ids(counted: ZoneUnderTest) -> None:
    counted.start_gateway()
    counted.wait_until_ready()
    said = [b"12,3,4096", b"7,5,77", b"34567,1,8192,and more", b"1,1,1", b"7,5,78"]
    client = http.client.HTTPConnection("127.0.0.1", counted.port, timeout=20)
    answers = []
    for body in said:
        headers = {"Authorization": f"Bearer {ACME}"}
        client.request("POST", "/v1/echo/cost", body=body, headers=headers)
        answer = client.getresponse()
        answers.append((answer.status, answer.read(), answer.getheaders()))
    client.close()

    records = list(read_ledger(counted.folder / "ledger"))
    assert [answered[:2] for answered in answers] == [(200, body) for body in said]
    for (_, body, said_twice), record in zip(answers, records, strict=True):
        headers = dict(said_twice)
        cpu_us, run_us, memory_kb = map(int, body.split(b",")[:3])
        assert (record.cpu_us, record.run_us, record.peak_memory_kb) == (cpu_us, run_us, memory_kb)
        assert (record.status, record.bytes_out) == (200, len(body))
        assert record.call_id == headers["x-call-id"]
        assert headers["x-own"] == "kept"
        assert not any(name.lower().startswith("x-gridfaas") for name in headers)
        assert len(headers) == len(said_twice)
    assert len({record.call_id for record in records}) == len(said)


def test_a_call_has_what_its_worker_tells_of_it(counted: ZoneUnderTest) -> None:
    counted.start_gateway()
    counted.wait_until_ready()
    answer = counted.call("GET", "/v1/echo/told?cpu-us=1234&run-us=7&memory-kb=4096")
    counted.call("GET", "/v1/echo/told?cpu-us=-5&run-us=999999999999&memory-kb=many")
    counted.call("GET", f"/v1/echo/told?run-us=7&size={5_000_000}")

    told, wrong, streamed = read_ledger(counted.folder / "ledger")
    assert not any(name.lower().startswith("x-gridfaas") for name in answer.headers)
    assert (told.cpu_us, told.run_us, told.peak_memory_kb) == (1234, 7, 4096)
    assert told.cold
    assert 0 < told.start_us <= told.wait_us
    assert abs(told.total_us - told.wait_us - told.run_us - told.network_us) <= 2
    assert (wrong.cpu_us, wrong.peak_memory_kb, wrong.start_us) == (0, 0, 0)
    assert 0 < wrong.run_us < wrong.total_us
    assert 7 < streamed.run_us < streamed.total_us
    assert (told.attempt, told.origin, told.caller_zone) == (1, "", "")


def test_a_call_that_ran_out_of_time_ran(counted: ZoneUnderTest) -> None:
    counted.start_gateway()
    counted.wait_until_ready()
    counted.call("GET", "/v1/echo/me")
    counted.call("GET", "/v1/echo/slow?s=9", headers={"X-Timeout-Ms": "200"})

    _, late = read_ledger(counted.folder / "ledger")
    assert late.problem == "deadline-exceeded"
    assert 150_000 < late.run_us <= late.total_us


def test_calls_turned_down_are_no_invocations(counted: ZoneUnderTest) -> None:
    environment = counted.environment()
    limits = {"GRIDFAAS_KEY_CALLS_PER_S": "0.1", "GRIDFAAS_BURST_S": "10"}
    counted.environment = lambda: {**environment, **limits}  # type: ignore[method-assign]
    counted.start_gateway()
    counted.wait_until_ready()
    statuses = [
        counted.call("GET", "/v1/echo/me").status,
        counted.call("GET", "/v1/echo/me").status,
        counted.call("GET", "/v1/echo/me", key=WRITER_ONLY).status,
    ]

    assert statuses == [200, 429, 403]
    (only,) = read_ledger(counted.folder / "ledger")
    assert (only.status, only.role) == (200, "tenant-service")


def test_no_answered_call_is_missing_after_a_kill(counted: ZoneUnderTest) -> None:
    answered: set[str] = set()
    for _ in range(3):
        gateway = counted.start_gateway()
        counted.wait_until_ready()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(_until_reset, counted) for _ in range(4)]
            time.sleep(0.5)
            gateway.send_signal(signal.SIGKILL)
            gateway.wait(5)
            for caller in callers:
                answered |= caller.result(30)

    written = [record.call_id for record in read_ledger(counted.folder / "ledger")]
    assert len(answered) > 10
    assert answered <= set(written)


def _until_reset(zone: ZoneUnderTest) -> set[str]:
    found: set[str] = set()
    while True:
        try:
            answer = zone.call("POST", "/v1/echo/body", body=b"1")
        except (OSError, http.client.HTTPException):
            return found
        if answer.status == 200:
            found.add(answer.headers["x-call-id"])


def test_a_key_that_calls_too_often_waits_and_others_do_not(counted: ZoneUnderTest) -> None:
    environment = counted.environment()
    limits = {"GRIDFAAS_KEY_CALLS_PER_S": "0.1", "GRIDFAAS_BURST_S": "30"}
    counted.environment = lambda: {**environment, **limits}  # type: ignore[method-assign]
    counted.start_gateway()
    counted.wait_until_ready()

    answers = [counted.call("GET", "/v1/echo/me") for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].problem() == (429, "too-many-requests")
    assert 1 <= int(answers[3].headers["retry-after"]) <= 10
    assert counted.call("GET", "/v1/echo/me", key=BETA).status == 200


def test_the_records_limits_hold_in_the_zone(counted: ZoneUnderTest) -> None:
    acme, beta = TENANTS
    slow = key_entry("gf_slow", "meter", tenant="beta", calls_per_s=0.5)
    limited = msgspec.structs.replace(acme, calls_per_s=0.5)
    counted.publish(version=2, tenants=[limited, beta], keys=[*KEYS, slow])
    counted.start_gateway()
    counted.wait_until_ready()

    by_tenant = [counted.call("GET", "/v1/echo/me") for _ in range(2)]
    by_key = [counted.call("GET", "/v1/echo/me", key="gf_slow") for _ in range(2)]
    control = counted.call("GET", "/v1/platform/functions", key="gf_slow")

    assert [answer.status for answer in by_tenant] == [200, 429]
    assert [answer.status for answer in by_key] == [200, 429]
    assert (by_tenant[1].json["limit"], by_key[1].json["limit"]) == ("tenant", "key")
    assert by_tenant[1].problem() == control.problem() == (429, "too-many-requests")
    assert 1 <= int(by_tenant[1].headers["retry-after"]) <= 2
    assert counted.call("GET", "/v1/echo/me", key=BETA).status == 200
    counted.publish(version=3)
    deadline = time.monotonic() + 10
    while [counted.call("GET", "/v1/echo/me").status for _ in range(3)] != [200] * 3:
        assert time.monotonic() < deadline, "the limit was not lifted"


def test_every_call_is_a_line_of_json(counted: ZoneUnderTest) -> None:
    log = counted.folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"],
            env={**counted.environment(), "GRIDFAAS_LOG_CONFIG": str(LOGGING)},
            stderr=file,
        )
        counted.processes.append(process)
        deadline = time.monotonic() + 15
        while b"snapshot loaded" not in log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    deadline = time.monotonic() + 15
    while True:
        try:
            counted.wait_until_ready()
            break
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    answer = counted.call("GET", "/v1/echo/meter-4711?meter_id=4711")

    while b"gateway.access" not in log.read_bytes():
        assert time.monotonic() < deadline, "the call is not in the log"
        time.sleep(0.02)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = [line for line in lines if line["logger"] == "gateway.access"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["tenant"], line["function"], line["status"]) == ("acme", "echo", 200)
    assert "4711" not in log.read_text()
    # The key's id, never the key.
    assert log.read_text().count("gf_") == log.read_text().count('"id-gf_')
