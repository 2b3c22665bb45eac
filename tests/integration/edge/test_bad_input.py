"""Whatever comes in: the right problem, the good readings stored, the same processes alive."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.edge.edge import (
    ACME,
    JSON,
    METERS,
    READINGS,
    REGISTER,
    Edge,
    instant,
    series,
    slug,
    statuses,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
GOOD = json.dumps({"series": [series(1, start="2026-02-01T00:00:00Z")]}).encode()


def assert_problem(answer: httpx.Response, status: int, name: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    problem = answer.json()
    assert (problem["status"], slug(problem)) == (status, name)
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        pytest.param(b"", 400, "malformed-body", id="nothing"),
        pytest.param(b"{", 400, "malformed-body", id="cut_short"),
        pytest.param(GOOD[:-2], 400, "malformed-body", id="two_brackets_missing"),
        pytest.param(GOOD + b"}", 400, "malformed-body", id="something_behind_it"),
        pytest.param(b"series=1", 400, "malformed-body", id="a_form"),
        pytest.param(b"null", 400, "malformed-body", id="null"),
        pytest.param(b"[]", 400, "malformed-body", id="a_list"),
        pytest.param(b'"x"', 400, "malformed-body", id="a_string"),
        pytest.param(b"{}", 400, "malformed-body", id="no_series"),
        pytest.param(b'{"series":{}}', 400, "malformed-body", id="series_is_no_list"),
        pytest.param(b'{"series":[1]}', 400, "malformed-body", id="a_series_is_a_number"),
        pytest.param(b'{"series":[{}]}', 400, "malformed-body", id="a_series_without_values"),
        pytest.param(b'{"serie":[]}', 400, "malformed-body", id="unknown_member"),
        pytest.param(GOOD.replace(b"[1]", b"[NaN]"), 400, "malformed-body", id="not_a_number"),
        pytest.param(GOOD.replace(b"[1]", b"[01]"), 400, "malformed-body", id="leading_zero"),
        pytest.param(GOOD.replace(b"[1]", b"[0x1]"), 400, "malformed-body", id="hexadecimal"),
        pytest.param(b"[" * 500_000, 400, "malformed-body", id="half_a_million_brackets"),
        pytest.param(
            b'{"series":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "malformed-body",
            id="nested_a_hundred_thousand_deep",
        ),
        pytest.param(GOOD.replace(b"m-1", b"m-\xff"), 400, "malformed-body", id="invalid_utf_8"),
        pytest.param(
            GOOD.replace(b"m-1", b"m-\xed\xa0\x80"), 400, "malformed-body", id="utf_8_surrogate"
        ),
        pytest.param(GOOD.replace(b"m-1", b"m-\xc0\xaf"), 400, "malformed-body", id="overlong"),
        pytest.param(GOOD.decode().encode("utf-16"), 400, "malformed-body", id="utf_16"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, 400, "malformed-body", id="byte_order_mark"),
        pytest.param(b"\x00" * 1000, 400, "malformed-body", id="zeros"),
        pytest.param(GOOD.replace(b"m-1", b"m-\x00"), 400, "malformed-body", id="raw_nul"),
    ],
)  # fmt: skip
def test_what_is_no_readings_body(edge: Edge, body: bytes, status: int, name: str) -> None:
    assert_problem(edge.post(body), status, name)


@pytest.mark.parametrize(
    ("headers", "body", "status", "name"),
    [
        pytest.param(
            {"content-type": "application/json; charset=latin-1"}, GOOD, 415,
            "unsupported-media-type", id="another_charset",
        ),
        pytest.param(
            {"content-type": "text/plain"}, GOOD, 415, "unsupported-media-type", id="text"
        ),
        pytest.param({}, GOOD, 415, "unsupported-media-type", id="no_type"),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "gzip"}, GOOD, 400,
            "malformed-body", id="gzip_that_is_none",
        ),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "gzip"},
            gzip.compress(GOOD)[:-9], 400, "malformed-body", id="gzip_cut_short",
        ),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "gzip"},
            gzip.compress(b" " * (33 << 20)), 413, "body-too-large", id="gzip_bomb",
        ),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "br"}, b"\x01\x02", 415,
            "unsupported-media-type", id="broken_brotli",
        ),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "gzip, identity"}, GOOD, 415,
            "unsupported-media-type", id="two_encodings",
        ),
        pytest.param(
            {"content-type": "application/json"}, gzip.compress(GOOD), 400, "malformed-body",
            id="gzip_that_is_not_said",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded(
    edge: Edge, headers: dict[str, str], body: bytes, status: int, name: str
) -> None:
    assert_problem(edge.post(body, headers=headers), status, name)


FUTURE = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT00:00:00Z")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param({"meter_id": "nobody"}, "unknown-meter", id="unknown_meter"),
        pytest.param({"meter_id": "m-1\u0000"}, "unknown-meter", id="a_meter_with_nul"),
        pytest.param({"meter_id": "../m-1"}, "unknown-meter", id="a_meter_with_a_path"),
        pytest.param({"meter_id": "m" * 10_000}, "unknown-meter", id="a_meter_of_10_kB"),
        pytest.param({"meter_id": 7}, "malformed-series", id="a_meter_that_is_a_number"),
        pytest.param({"register": "1-0:99.9.9"}, "unknown-register", id="unknown_register"),
        pytest.param({"register": None}, "malformed-series", id="register_is_null"),
        pytest.param({"interval_s": 60}, "interval-size", id="another_interval"),
        pytest.param({"interval_s": "900"}, "malformed-series", id="interval_is_a_string"),
        pytest.param({"start": FUTURE}, "future", id="next_month"),
        pytest.param({"start": "2001-01-01T00:00:00Z"}, "stale", id="long_ago"),
        pytest.param({"start": "yesterday"}, "malformed-series", id="no_instant"),
        pytest.param({"start": "2026-02-30T00:00:00Z"}, "malformed-series", id="february_30"),
        pytest.param({"start": "2026-03-01T00:00:00"}, "malformed-series", id="no_time_zone"),
        pytest.param({"values": ["1"]}, "wrong-type", id="a_string"),
        pytest.param({"values": [1.5]}, "wrong-type", id="a_fraction"),
        pytest.param({"values": [True]}, "wrong-type", id="a_truth"),
        pytest.param({"values": [None]}, "wrong-type", id="null"),
        pytest.param({"values": [{}]}, "wrong-type", id="an_object"),
        pytest.param({"values": [10**40]}, "value-range", id="forty_digits"),
        pytest.param({"values": [2**31]}, "value-range", id="more_than_32_bits"),
        pytest.param({"values": [-1]}, "negative-consumption", id="negative"),
        pytest.param({"quality": 5}, "unknown-quality", id="unknown_quality"),
        pytest.param({"quality": [0, 0]}, "malformed-series", id="two_qualities_for_one_value"),
        pytest.param({"surprise": 1}, "malformed-series", id="unknown_member"),
    ],
)
def test_the_good_readings_beside_a_bad_one_are_stored(
    edge: Edge, bad: dict[str, Any], reason: str
) -> None:
    before, beside, after = instant(), instant(), instant()
    body = {
        "series": [
            series(11, start=before),
            {**series(99, start=beside), **bad},
            series(13, start=after, meter_id=METERS[1]),
        ]
    }

    answer = edge.post(body)

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["accepted"], said["rejected"]) == (2, 1)
    assert [run["reason"] for run in said["series"][1]["outcomes"]] == [reason]
    assert edge.stored(before) == 11
    assert edge.stored(after, meter_id=METERS[1]) == 13
    assert edge.stored(beside) is None


def test_a_bad_value_costs_itself_only(edge: Edge) -> None:
    starts = [instant() for _ in range(4)]
    values = [21, "x", -5, 24]

    said = edge.post({"series": [series(*values, start=starts[0])]}).json()

    assert (said["accepted"], said["rejected"]) == (2, 2)
    assert [edge.stored(start) for start in starts] == [21, None, None, 24]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body(edge: Edge, chunked: bool) -> None:
    huge = b" " * (MAX_BODY_BYTES + 1)
    pieces = (huge[at : at + 65_536] for at in range(0, len(huge), 65_536))

    answer = httpx.post(
        edge.url + READINGS,
        content=pieces if chunked else huge,
        headers={"authorization": f"Bearer {ACME}", "content-type": "application/json"},
        timeout=60,
    )

    assert_problem(answer, 413, "body-too-large")


def test_too_many_readings(edge: Edge) -> None:
    body = {"series": [series(*[1] * 100_001, start="2025-01-01T00:00:00Z")]}

    assert_problem(edge.post(body), 413, "body-too-large")


def head(*lines: bytes, path: bytes = READINGS.encode(), method: bytes = b"POST") -> bytes:
    own = (b"Host: edge", b"Authorization: Bearer gf_acme", b"Content-Type: application/json")
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", *own, *lines]) + b"\r\n\r\n"


def length(size: int) -> bytes:
    return b"Content-Length: %d" % size


SMUGGLED = head(length(len(GOOD)), b"Connection: close") + GOOD
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(head(length(5), b"Transfer-Encoding: chunked") + b"0\r\n\r\n", [400],
                     id="length_and_chunks"),
        pytest.param(head(b"Transfer-Encoding: chunked", length(5)) + b"0\r\n\r\n", [400],
                     id="chunks_and_length"),
        pytest.param(head(length(len(GOOD)), length(len(GOOD))) + GOOD, [400],
                     id="length_doubled"),
        pytest.param(head(length(0), length(len(GOOD))) + GOOD, [400], id="lengths_that_differ"),
        pytest.param(head(b"Content-Length: 0, %d" % len(GOOD)) + GOOD, [400],
                     id="lengths_in_a_list"),
        pytest.param(head(b"Content-Length: -1") + GOOD, [400], id="negative_length"),
        pytest.param(head(b"Content-Length: " + b"9" * 40) + GOOD, [400], id="forty_digits"),
        pytest.param(head(b"Transfer-Encoding: \x0bchunked") + CHUNKED, [400],
                     id="chunked_behind_a_tab"),
        pytest.param(head(b"Transfer-Encoding: identity") + GOOD, [400], id="identity_coding"),
        pytest.param(head(b"Transfer-Encoding: chunked, chunked") + CHUNKED, [400],
                     id="chunked_twice"),
        pytest.param(head(b"Transfer-Encoding : chunked") + CHUNKED, [400],
                     id="a_space_before_the_colon"),
        pytest.param(head(b"X: a\r\n continued") + GOOD, [400], id="a_folded_header"),
        # Its end is beyond doubt, so what follows is a request of its own.
        pytest.param(head(b"Authorization: Bearer gf_zone3a", length(len(GOOD))) + GOOD, [400, 200],
                     id="two_credentials"),
        pytest.param(head(b"X: a\x00b", length(len(GOOD))) + GOOD, [400], id="nul_in_a_header"),
        pytest.param(head(b"X: " + b"x" * 100_000), [431], id="a_header_of_100_kB"),
        pytest.param(head(*[b"X-%d: y" % n for n in range(10_000)]), [431], id="10_000_headers"),
        pytest.param(head(path=b"/" + b"a" * 50_000), [431], id="a_path_of_50_kB"),
        pytest.param(head(path=b"/" + b"a" * 100_000), [431], id="a_path_of_100_kB"),
        pytest.param(head(length(len(GOOD)), method=b"PO ST") + GOOD, [400],
                     id="a_method_of_two_words"),
        pytest.param(b"\x16\x03\x01" + bytes(200), [400], id="tls"),
    ],
)  # fmt: skip
def test_header_tricks(edge: Edge, data: bytes, expected: list[int]) -> None:
    # Were the gateway and the worker of two minds about where this ends, the second would answer.
    answer = edge.raw(data + SMUGGLED)

    assert statuses(answer) == expected, answer
    problem, _ = json.JSONDecoder().raw_decode(answer.partition(b"\r\n\r\n")[2].decode())
    named = {400: "malformed-request", 431: "headers-too-large"}
    assert slug(problem) == named[expected[0]]


def test_what_a_client_says_about_itself_is_not_believed(edge: Edge) -> None:
    forged = {
        "x-gridfaas-tenant": "basra",
        "X_GridFaaS_Tenant": "basra",
        "x-gridfaas-zone-credential": "zone-3a",
        "x-gridfaas-role": "platform-admin",
    }
    start = instant()

    answer = edge.post({"series": [series(31, start=start)]}, headers={**JSON, **forged})
    uplink = edge.post(b"\x90", headers=forged, path="/v1/mdms/uplink")

    assert (answer.status_code, edge.stored(start)) == (200, 31)
    assert uplink.status_code in (403, 404)


def test_a_body_that_stops_half_way(edge: Edge) -> None:
    start = instant()
    body = json.dumps({"series": [series(41, start=start)]}).encode()
    announced = head(b"X-Timeout-Ms: 500", length(len(body)), b"Connection: close")

    answer = edge.raw(announced + body[: len(body) // 2])

    assert statuses(answer) == [408]
    assert slug(json.loads(answer.rpartition(b"\r\n\r\n")[2])) == "request-timeout"
    assert edge.stored(start) is None


def test_a_body_that_comes_byte_by_byte_in_time(edge: Edge) -> None:
    start = instant()
    body = json.dumps({"series": [series(43, start=start)]}).encode()

    answer = edge.raw(
        head(length(len(body)), b"Connection: close"), *(bytes([byte]) for byte in body)
    )

    assert statuses(answer) == [200]
    assert edge.stored(start) == 43


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing_said"),
        pytest.param("meter_id=m-1", id="no_period"),
        pytest.param("meter_id=m-1&from=x&to=y", id="no_instants"),
        pytest.param("meter_id=m-1&from=2026-03-01T00:00:00&to=2026-03-02T00:00:00", id="no_zone"),
        pytest.param(
            "meter_id=m-1&from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", id="ends_first"
        ),
        pytest.param(
            "meter_id=m-1&from=1026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", id="a_thousand_years"
        ),
        pytest.param(
            "meter_id=m-1&from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&limit=-1", id="limit"
        ),
        pytest.param(
            "meter_id=m-1&from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&cursor=%ff", id="cursor"
        ),
        pytest.param("meter_id=%00&from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z", id="nul"),
    ],
)
def test_queries_that_make_no_sense(edge: Edge, query: str) -> None:
    answer = httpx.get(
        f"{edge.url}{READINGS}?{query}&register={REGISTER}",
        headers={"authorization": f"Bearer {ACME}"},
        timeout=60,
    )

    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert slug(answer.json()) in ("malformed-request", "unknown-meter")
