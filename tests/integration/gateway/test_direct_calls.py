"""Plain calls as bytes on a connection: in turn, in pieces, at once, and without an end."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.gateway.zone import ACME, WRITER_ONLY, ZoneUnderTest


class Talk:
    """A kept connection that counts nothing and reads whole answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._read = self.socket.makefile("rb")

    def send(self, path: str, *, method: str = "GET", body: bytes = b"", more: str = "") -> None:
        self.socket.sendall(request(path, method=method, body=body, more=more))

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self._read.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._read.readline().decode().strip():
            name, _, value = line.partition(": ")
            assert name not in headers
            headers[name] = value
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._chunks()
        return status, headers, self._read.read(int(headers.get("content-length", 0)))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._read.readline(), 16):
            body += self._read.read(size)
            self._read.readline()
        self._read.readline()
        return body


def request(path: str, *, method: str = "GET", body: bytes = b"", more: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: z\r\nAuthorization: Bearer {ACME}\r\n{length}{more}"
    return head.encode() + b"\r\n" + body


@pytest.fixture
def talk(zone: ZoneUnderTest) -> Iterator[Talk]:
    made = Talk(zone.port)
    yield made
    made.socket.close()


def test_the_same_head_again_and_again_has_its_own_ids(talk: Talk) -> None:
    ids = set()
    for number in range(5):
        body = b"reading-%d" % number
        talk.send("/v1/echo/body", method="POST", body=body)
        status, headers, answered = talk.answer()
        assert (status, answered) == (200, body)
        assert headers["x-own"] == "kept"
        assert "x-gridfaas-inner" not in headers
        assert "date" in headers
        ids.add(headers["x-call-id"])

    assert len(ids) == 5


def test_a_worker_sees_of_a_plain_call_what_it_sees_of_any(talk: Talk) -> None:
    seen = []
    for more in ("X-A: 1\r\n", "X-A: 1\r\nX-Timeout-Ms: 20000\r\n"):
        talk.send("/v1/echo/me?x=1", more=more + "X-Request-ID: mine\r\nX-GridFaaS-Role: admin\r\n")
        seen.append(json.loads(talk.answer()[2]))
    plain, general = (
        sorted((name, value) for name, value in one["headers"] if name != "x-call-id")
        for one in seen
    )

    assert plain == general or [name for name, _ in plain] == [name for name, _ in general]
    assert dict(plain)["x-gridfaas-role"] == "tenant-service"
    assert (seen[0]["path"], seen[0]["query"]) == ("/v1/echo/me", "x=1")


def test_requests_that_come_together_are_answered_in_turn(talk: Talk) -> None:
    talk.socket.sendall(
        request("/v1/echo/slow?s=0.3")
        + request("/v1/echo/body", method="POST", body=b"second")
        + request("/v1/echo/body", method="POST", body=b"third")
    )

    assert [talk.answer()[2] for _ in range(3)] == [b'"at last"', b"second", b"third"]


def test_a_request_that_comes_before_the_answer_waits(talk: Talk) -> None:
    talk.send("/v1/echo/slow?s=0.3")
    time.sleep(0.1)
    talk.send("/v1/echo/body", method="POST", body=b"second")
    time.sleep(0.05)
    talk.send("/v1/echo/body", method="POST", body=b"third")

    assert [talk.answer()[2] for _ in range(3)] == [b'"at last"', b"second", b"third"]


def test_plain_and_other_requests_take_turns_on_a_connection(talk: Talk) -> None:
    whole = request("/v1/echo/body", method="POST", body=b"in pieces")
    for _ in range(2):
        talk.send("/v1/echo/me")
        assert talk.answer()[0] == 200
        for start in range(0, len(whole), 40):
            talk.socket.sendall(whole[start : start + 40])
            time.sleep(0.005)
        assert talk.answer()[2] == b"in pieces"
        talk.send("/healthz")
        assert talk.answer()[0] == 200


def test_a_long_answer_without_a_length_comes_whole(talk: Talk) -> None:
    for _ in range(2):
        talk.send("/v1/echo/stream?n=300&size=5000")
        status, headers, body = talk.answer()
        assert (status, len(body)) == (200, 1_500_000)
        assert headers["transfer-encoding"] == "chunked"
        talk.send("/v1/echo/nothing")
        assert talk.answer()[0] == 204


def test_who_goes_frees_the_worker(zone: ZoneUnderTest, talk: Talk) -> None:
    before = zone.call("GET", "/v1/echo/seen").json
    talk.send("/v1/echo/slow?s=20")
    deadline = time.monotonic() + 10
    while zone.call("GET", "/v1/echo/seen").json["slow_started"] == before["slow_started"]:
        assert time.monotonic() < deadline
    talk.socket.shutdown(socket.SHUT_RDWR)

    while zone.call("GET", "/v1/echo/seen").json["disconnects"] == before["disconnects"]:
        assert time.monotonic() < deadline, "the worker is still at it"


def test_time_ends_a_plain_call_and_the_connection_goes_on(talk: Talk) -> None:
    talk.send("/v1/hasty/slow?s=20")
    status, _, body = talk.answer()

    assert status == 504
    assert json.loads(body)["limit"] == "timeout_s"
    talk.send("/v1/hasty/me")
    assert talk.answer()[0] == 200


def test_what_stays_the_same_is_answered_without_a_worker_until_a_write(
    zone: ZoneUnderTest, talk: Talk
) -> None:
    def asked() -> int:
        return int(zone.call("GET", "/v1/echo/seen").json["settled"])

    before = asked()
    answers = []
    for _ in range(4):
        talk.send("/v1/echo/settled?after=3")
        answers.append(talk.answer())
    assert [(status, body) for status, _, body in answers] == [(200, b"{}")] * 4
    assert len({headers["x-call-id"] for _, headers, _ in answers}) == 4
    assert asked() == before + 1

    for write in (request("/v1/echo/body", method="POST", body=b"x"),):
        talk.socket.sendall(write)
        assert talk.answer()[0] == 200
        talk.send("/v1/echo/settled?after=3")
        assert talk.answer()[0] == 200
    assert asked() == before + 2
    assert zone.call("POST", "/v1/echo/me", body=iter([b"general"]), chunked=True).status == 200
    talk.send("/v1/echo/settled?after=3")
    assert talk.answer()[0] == 200
    assert asked() == before + 3


def test_a_kept_answer_is_the_callers_alone(zone: ZoneUnderTest, talk: Talk) -> None:
    talk.send("/v1/echo/settled?after=4")
    assert talk.answer()[0] == 200

    assert zone.call("GET", "/v1/echo/settled?after=4", key=None).status == 401
    assert zone.call("GET", "/v1/echo/settled?after=4", key=WRITER_ONLY).status == 403
