import pytest

from gateway.direct.plain_head import MAX_BODY_BYTES, read_plain_head

HOST = b"Host: here\r\n"


def head(line: bytes = b"GET /v1/echo HTTP/1.1", headers: bytes = b"") -> bytes:
    return line + b"\r\n" + HOST + headers + b"\r\n"


def test_a_plain_head_is_read_whole() -> None:
    found = read_plain_head(
        head(
            b"POST /v1/echo/%C3%A4?x=%20 HTTP/1.1",
            b"Authorization: Bearer gf_x\r\nContent-Length: 12\r\nX-Own: yes\r\n"
            b"X-Request-ID: mine\r\n",
        )
    )

    assert found is not None
    assert (found.method, found.raw_path, found.path) == (
        "POST",
        b"/v1/echo/%C3%A4",
        "/v1/echo/\xe4",
    )
    assert (found.query, found.body_bytes, found.request_id) == (b"x=%20", 12, "mine")
    assert found.head.forwarded == [(b"x-own", b"yes")]


def test_a_client_may_say_that_it_stays() -> None:
    found = read_plain_head(head(headers=b"Connection: Keep-Alive\r\n"))

    assert found is not None
    assert found.head.forwarded == []


def test_a_request_id_of_odd_characters_is_replaced() -> None:
    found = read_plain_head(head(headers=b"X-Request-ID: a b<c>\r\n"))

    assert found is not None
    assert found.request_id is not None
    assert len(found.request_id) == 32


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(head(b"HEAD /v1/echo HTTP/1.1"), id="no_body_may_follow"),
        pytest.param(head(b"GET /v1/echo HTTP/1.0"), id="old_protocol"),
        pytest.param(head(b"GET http://here/v1/echo HTTP/1.1"), id="absolute_form"),
        pytest.param(head(b"OPTIONS * HTTP/1.1"), id="no_path"),
        pytest.param(head(b"GET /v1/echo#x HTTP/1.1"), id="fragment"),
        pytest.param(head(headers=b"Connection: close\r\n"), id="closes"),
        pytest.param(head(headers=b"Connection: X-Own\r\nX-Own: a\r\n"), id="hop_by_hop"),
        pytest.param(head(headers=b"Expect: 100-continue\r\n"), id="wants_a_word_first"),
        pytest.param(head(headers=b"Transfer-Encoding: chunked\r\n"), id="chunked"),
        pytest.param(
            head(headers=b"Upgrade: websocket\r\nConnection: upgrade\r\n"), id="another_protocol"
        ),
        pytest.param(head(headers=b"X-Timeout-Ms: 5\r\n"), id="a_time_of_its_own"),
        pytest.param(head(headers=b"GridFaaS-Origin: async\r\n"), id="for_somebody"),
        pytest.param(
            head(headers=b"Content-Length: %d\r\n" % (MAX_BODY_BYTES + 1)), id="large_body"
        ),
        pytest.param(head(headers=b"Content-Length: 1\r\nContent-Length: 2\r\n"), id="two_lengths"),
        pytest.param(head(headers=b"Content-Length: -1\r\n"), id="no_length"),
        pytest.param(head(headers=b"No colon\r\n"), id="no_header"),
        pytest.param(b"GET /v1/echo HTTP/1.1\r\n\r\n", id="no_host"),
        pytest.param(b"\x16\x03\x01\r\n\r\n", id="no_http"),
    ],
)
def test_what_is_unusual_or_malformed_is_left_to_others(data: bytes) -> None:
    assert read_plain_head(data) is None
