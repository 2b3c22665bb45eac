"""Answers read by their heads' bytes: as a parser read such a head before, or not at all."""

import pytest

from gateway.direct.known_answers import MAX_HEADS, KnownAnswers
from gateway.invocation import Invocation

COST = b"x-gridfaas-cpu-us: 12\r\nx-gridfaas-run-us: 3000000\r\nx-gridfaas-memory-kb: 40\r\n\r\n"
OWN = ((b"content-type", b"application/json"), (b"x-own", b"1"), (b"server", b"worker"))


def answer(
    *,
    body: bytes = b"abcd",
    length: int | None = None,
    cost: bytes = COST,
    more: bytes = b"",
    begin: bytes = b"HTTP/1.1 200 OK\r\n",
) -> bytes:
    own = b"Content-Type: application/json\r\nx-own: 1\r\nserver: worker\r\n"
    size = len(body) if length is None else length
    return b"%b%b%bcontent-length: %d\r\n%b%b" % (begin, own, more, size, cost, body)


def learn(
    known: KnownAnswers,
    data: bytes,
    *,
    status: int = 200,
    more: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes = b"abcd",
    last: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """As a parser would have read it."""
    cost = [
        (b"x-gridfaas-cpu-us", b"12"),
        (b"x-gridfaas-run-us", b"3000000"),
        (b"x-gridfaas-memory-kb", b"40"),
    ]
    headers = [*OWN, *more, (b"content-length", b"%d" % len(body)), *cost, *last]
    known.learn(data, status=status, headers=headers, body=body)


@pytest.fixture
def known() -> KnownAnswers:
    answers = KnownAnswers()
    learn(answers, answer())
    return answers


def test_another_body_and_cost_behind_the_same_head_are_read(known: KnownAnswers) -> None:
    cost = COST.replace(b"12", b"7").replace(b"40", b"41")
    call = Invocation(request_id="r-1", call_id="c-1", method="POST", path="/", zone="z")

    found = known.find(answer(body=b"", cost=cost))

    assert found is not None
    found.tell(call)
    assert (call.status, call.bytes_out, call.cpu_us) == (200, 0, 7)
    assert (call.worker_run_s, call.peak_memory_kb) == (3.0, 41)
    assert found.for_caller(call, b"date: now\r\n") == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: application/json\r\nx-own: 1\r\n"
        b"content-length: 0\r\nx-request-id: r-1\r\nx-call-id: c-1\r\n\r\n"
    )


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer(length=5), id="a_body_cut_short"),
        pytest.param(answer(length=3), id="bytes_behind_the_body"),
        pytest.param(answer(more=b"x-more: 1\r\n"), id="another_header"),
        pytest.param(answer(begin=b"HTTP/1.1 201 Created\r\n"), id="another_status"),
        pytest.param(answer()[:60], id="a_part_of_a_head"),
        pytest.param(answer()[:-5], id="no_end_of_the_head"),
        pytest.param(answer(cost=b"\r\n"), id="no_cost"),
        pytest.param(answer(cost=COST.replace(b"12", b"-1")), id="a_cost_that_is_no_number"),
        pytest.param(answer(cost=COST.replace(b"12", b"1" * 13)), id="too_large_a_cost"),
        pytest.param(answer(cost=b"x-a: 1\r\n" + COST), id="a_header_before_the_cost"),
        pytest.param(answer(cost=COST[:-2] + b"x-a: 1\r\n\r\n"), id="a_header_behind_the_cost"),
        pytest.param(answer(body=bytes(65 * 1024)), id="a_long_body"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_word_for_word_the_same_has_to_be_parsed(
    known: KnownAnswers, data: bytes
) -> None:
    assert known.find(data) is None


@pytest.mark.parametrize(
    "header",
    [
        pytest.param((b"connection", b"close"), id="connection"),
        pytest.param((b"transfer-encoding", b"chunked"), id="transfer_encoding"),
        pytest.param((b"upgrade", b"h2c"), id="upgrade"),
        pytest.param((b"x-gridfaas-unchanged", b"until-write"), id="word_for_the_gateway"),
    ],
)
def test_a_head_that_says_more_is_not_learnt(header: tuple[bytes, bytes]) -> None:
    known = KnownAnswers()
    data = answer(more=b"%b: %b\r\n" % header)

    learn(known, data, more=(header,))

    assert known.find(data) is None


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        pytest.param(b"HTTP/1.1 500 Internal Server Error\r\n", 500, id="failed"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n", 204, id="no_body"),
        pytest.param(b"HTTP/1.1 299 Odd\r\n", 299, id="no_known_status"),
        pytest.param(b"HTTP/1.0 200 OK\r\n", 200, id="an_older_protocol"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n", 200, id="after_another"
        ),
    ],
)
def test_a_head_that_begins_otherwise_is_not_learnt(begin: bytes, status: int) -> None:
    known = KnownAnswers()

    learn(known, answer(begin=begin), status=status)

    assert known.find(answer(begin=begin)) is None


def test_an_answer_in_pieces_or_with_a_trailer_is_not_learnt() -> None:
    known = KnownAnswers()

    learn(known, answer()[:-2])
    learn(known, answer(), last=((b"x-late", b"1"),))

    assert known.find(answer()) is None


def test_heads_do_not_become_more_and_more(known: KnownAnswers) -> None:
    for number in range(MAX_HEADS):
        more = b"x-more: %d\r\n" % number
        learn(known, answer(more=more), more=((b"x-more", b"%d" % number),))

    assert known.find(answer()) is None
    assert known.find(answer(more=more)) is not None
