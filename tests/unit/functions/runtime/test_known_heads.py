"""Heads read by their bytes: as the parser read them the first time, or not at all."""

import pytest

from functions.runtime.known_heads import MAX_HEADS, KnownHeads
from functions.runtime.whole_call import WholeCall

IDS = b"x-request-id: req-1\r\nx-call-id: call-1\r\n\r\n"
FIXED = [(b"host", b"mdms"), (b"x-gridfaas-tenant", b"acme"), (b"content-length", b"4")]


def request(
    *, ids: bytes = IDS, body: bytes = b"abcd", length: int = 4, more: bytes = b""
) -> bytes:
    head = b"POST /v1/a%%20b HTTP/1.1\r\nHost: mdms\r\nx-gridfaas-tenant: acme\r\n"
    return b"%b%bcontent-length: %d\r\n%b%b" % (head, more, length, ids, body)


def parsed(*, body: bytes = b"abcd", more: tuple[tuple[bytes, bytes], ...] = ()) -> WholeCall:
    ids = [(b"x-request-id", b"req-1"), (b"x-call-id", b"call-1")]
    fixed = [*FIXED[:2], *more, (b"content-length", b"%d" % len(body)), *ids]
    return WholeCall("POST", "/v1/a b", fixed, body)


@pytest.fixture
def heads() -> KnownHeads:
    known = KnownHeads()
    known.learn(request(), parsed())
    return known


def test_the_same_head_with_other_ids_and_body_is_read(heads: KnownHeads) -> None:
    other = b"x-request-id: r.2:_\r\nx-call-id: c-2.1\r\n\r\n"

    found = heads.find(request(ids=other, body=b"wxyz"))

    ids = [(b"x-request-id", b"r.2:_"), (b"x-call-id", b"c-2.1")]
    assert found is not None
    assert found[:4] == ("POST", "/v1/a b", FIXED + ids, b"wxyz")
    again = heads.find(request())
    assert again is not None
    assert again[:4] == parsed()[:4]
    assert again.alike is found.alike is not None


def test_calls_with_other_heads_are_not_alike(heads: KnownHeads) -> None:
    heads.learn(request(more=b"x-more: 1\r\n"), parsed(more=((b"x-more", b"1"),)))

    one, other = heads.find(request()), heads.find(request(more=b"x-more: 1\r\n"))

    assert one is not None
    assert other is not None
    assert one.alike is not other.alike


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(body=b"abc"), id="a_body_cut_short"),
        pytest.param(request(body=b"abcde"), id="bytes_behind_the_body"),
        pytest.param(request(length=5, body=b"abcde"), id="another_length"),
        pytest.param(request(more=b"x-more: 1\r\n"), id="another_header"),
        pytest.param(request()[:60], id="a_part_of_a_head"),
        pytest.param(request(ids=b"x-request-id: req-1\r\n\r\n"), id="no_call_id"),
        pytest.param(
            request(ids=b"x-request-id: r\r\nx-call-id: c\r\ntransfer-encoding: chunked\r\n\r\n"),
            id="a_header_behind_the_ids",
        ),
        pytest.param(request(ids=b"x-request-id: r \r\nx-call-id: c\r\n\r\n"), id="a_blank"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_word_for_word_the_same_has_to_be_parsed(
    heads: KnownHeads, data: bytes
) -> None:
    assert heads.find(data) is None


@pytest.mark.parametrize(
    "header",
    [
        pytest.param((b"connection", b"close"), id="connection"),
        pytest.param((b"expect", b"100-continue"), id="expect"),
        pytest.param((b"transfer-encoding", b"chunked"), id="transfer_encoding"),
        pytest.param((b"upgrade", b"h2c"), id="upgrade"),
        pytest.param((b"content-length", b"4"), id="a_length_twice"),
    ],
)
def test_a_head_whose_message_may_end_elsewhere_is_not_learnt(header: tuple[bytes, bytes]) -> None:
    heads = KnownHeads()
    data = request(more=b"%b: %b\r\n" % header)

    heads.learn(data, parsed(more=(header,)))

    assert heads.find(data) is None


def test_a_bounded_number_of_heads_is_known() -> None:
    heads = KnownHeads()
    for length in range(MAX_HEADS + 1):
        body = b"x" * length
        heads.learn(request(length=length, body=body), parsed(body=body))

    last = b"x" * MAX_HEADS
    found = heads.find(request(length=MAX_HEADS, body=last))
    assert found is not None
    assert found[:4] == parsed(body=last)[:4]
    assert heads.find(request(length=0, body=b"")) is None
