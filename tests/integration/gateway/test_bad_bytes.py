"""Bytes that are no honest HTTP: answered or dropped, never passed on, the process alive."""

import re
import socket

import pytest

from tests.integration.gateway.zone import ZoneUnderTest

KEY = b"X-API-Key: gf_acme\r\n"


def request(*lines: bytes, body: bytes = b"", path: bytes = b"/v1/echo/body") -> bytes:
    head = b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: a", *lines])
    return head + b"\r\n" + KEY + b"\r\n" + body


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(
            request(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400,
            id="length_and_chunks",
        ),
        pytest.param(
            request(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), 400,
            id="chunks_and_length",
        ),
        pytest.param(
            request(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), 400,
            id="length_doubled",
        ),
        pytest.param(
            request(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), 400,
            id="lengths_that_differ",
        ),
        pytest.param(request(b"Content-Length: +3", body=b"abc"), 400, id="signed_length"),
        pytest.param(request(b"Content-Length: 3, 3", body=b"abc"), 400, id="list_of_lengths"),
        pytest.param(
            request(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400,
            id="another_coding_before_chunked",
        ),
        pytest.param(
            request(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400, id="unknown_coding"
        ),
        pytest.param(
            request(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), 400,
            id="space_before_the_colon",
        ),
        pytest.param(
            request(b"X-Folded: a", b" b: c", b"Content-Length: 0"), 400, id="folded_header"
        ),
        pytest.param(b"POST /v1/echo/body HTTP/1.1\nHost: a\n" + KEY + b"\n", 400, id="bare_lf"),
        pytest.param(
            request(b"X: 1\nY: 2", b"Content-Length: 0"), 400, id="bare_lf_between_headers"
        ),
        pytest.param(
            request(b"Transfer-Encoding: chunked", body=b"3\nabc\n0\n\n"), 400,
            id="bare_lf_in_chunks",
        ),
        pytest.param(
            request(b"Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n0\r\n\r\n"), 400,
            id="chunk_size_is_no_number",
        ),
        pytest.param(request(b"X: a\x00b", b"Content-Length: 0"), 400, id="nul_in_a_header"),
        pytest.param(request(b"Host: b", b"Content-Length: 0"), 400, id="host_doubled"),
        pytest.param(
            request(b"X-API-Key: gf_acme", b"Content-Length: 0"), 400, id="credential_doubled"
        ),
        pytest.param(b"GET /v1/echo/me HTTP/1.1\r\n" + KEY + b"\r\n", 400, id="no_host"),
        pytest.param(b"GET /v1/echo/me HTTP/9.1\r\nHost: a\r\n\r\n", 400, id="unknown_version"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="connect"),
        pytest.param(
            request(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 0"), 400,
            id="upgrade",
        ),
        pytest.param(
            request(b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 0"), 400,
            id="websocket",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="tls"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="http2"),
        pytest.param(
            request(*[b"X-%d: %s" % (n, b"y" * 400) for n in range(100)]), 431,
            id="headers_too_many",
        ),
        pytest.param(request(b"X: " + b"y" * 200_000), 431, id="header_too_long"),
        pytest.param(
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, id="path_too_long"
        ),
    ],
)  # fmt: skip
def test_is_refused(zone: ZoneUnderTest, data: bytes, status: int) -> None:
    # A gateway that believes in this one would answer it, too.
    smuggled = b"GET /v1/echo/me HTTP/1.1\r\nHost: a\r\n" + KEY + b"Connection: close\r\n\r\n"

    answer = zone.raw(data + (smuggled if status == 400 else b""))

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param((b"Content-Length: 3", b"Transfer-Encoding: chunked"), id="both"),
        pytest.param((b"Content-Length: 3", b"Content-Length: 3"), id="doubled"),
        pytest.param((b"Transfer-Encoding: gzip", b"Content-Length: 0"), id="coding"),
    ],
)
def test_no_second_request_hides_behind_a_refused_one(
    zone: ZoneUnderTest, framing: tuple[bytes, ...]
) -> None:
    hidden = request(b"Content-Length: 0", b"Connection: close", path=b"/v1/echo/hidden")

    answer = zone.raw(request(*framing, body=b"0\r\n\r\n" + hidden))

    assert len(re.findall(rb"HTTP/1\.1 \d{3}", answer)) == 1
    assert b"hidden" not in answer


def test_a_trailer_does_not_become_a_header(zone: ZoneUnderTest) -> None:
    answer = zone.raw(
        request(
            b"Transfer-Encoding: chunked",
            b"Connection: close",
            body=b"1\r\nx\r\n0\r\nX-Custom: late\r\nGridFaaS-Tenant: beta\r\n\r\n",
            path=b"/v1/echo/me",
        )
    )

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"late" not in answer


def test_requests_in_one_packet_are_answered_in_order(zone: ZoneUnderTest) -> None:
    first = request(b"Content-Length: 5", body=b"first")
    last = request(b"Content-Length: 4", b"Connection: close", body=b"last")

    answer = zone.raw(first + last)

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.index(b"first") < answer.index(b"last")


def test_rubbish_behind_a_request_does_not_spoil_its_answer(zone: ZoneUnderTest) -> None:
    answer = zone.raw(request(b"Content-Length: 5", body=b"first") + b"\x00rubbish\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"first")


def test_a_connection_carries_many_requests(zone: ZoneUnderTest) -> None:
    with socket.create_connection(("127.0.0.1", zone.port), timeout=10) as client:
        for number in range(5):
            body = b"call-%d" % number
            client.sendall(request(b"Content-Length: 6", body=body))
            answer = b""
            while not answer.endswith(body):
                received = client.recv(65_536)
                assert received, answer
                answer += received
