import pytest

from gateway.asgi import Headers
from gateway.request_head import (
    MalformedRequest,
    read_request_head,
    request_id_of,
    response_headers,
)

HOST = (b"host", b"a")


def test_only_the_clients_own_headers_go_on() -> None:
    head = read_request_head(
        [
            HOST,
            (b"authorization", b"Bearer x"),
            (b"connection", b"close, X-One"),
            (b"x-one", b"1"),
            (b"x-gridfaas-tenant", b"beta"),
            (b"x_gridfaas_tenant", b"beta"),
            (b"x-gridfaas_role", b"zone"),
            (b"gridfaas-tenant", b"acme"),
            (b"te", b"trailers"),
            (b"x-forwarded-for", b"::1"),
            (b"accept", b"a"),
            (b"accept", b"b"),
        ]
    )

    assert head.forwarded == [(b"accept", b"a"), (b"accept", b"b")]
    assert head.read[b"gridfaas-tenant"] == b"acme"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="no_host"),
        pytest.param([HOST, HOST], id="host_doubled"),
        pytest.param(
            [HOST, (b"gridfaas-tenant", b"a"), (b"gridfaas-tenant", b"b")], id="envelope_doubled"
        ),
        pytest.param(
            [HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")], id="framings"
        ),
        pytest.param([HOST, (b"content-length", b"-1")], id="negative_length"),
        pytest.param([HOST, (b"content-length", b"9" * 30)], id="length_beyond_reason"),
        pytest.param([HOST, (b"content-length", b"\xd9\xa1")], id="digits_of_another_script"),
        pytest.param([HOST, (b"transfer-encoding", b"identity")], id="identity"),
        pytest.param([HOST, (b"expect", b"more")], id="expectation"),
    ],
)
def test_contradictions_are_refused(headers: Headers) -> None:
    with pytest.raises(MalformedRequest):
        read_request_head(headers)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 30.0), (b"1500", 1.5), (b"30001", 30.0), (b"999999999", 30.0)],
)
def test_a_client_only_shortens_the_deadline(asked: bytes | None, seconds: float) -> None:
    headers = [HOST] if asked is None else [HOST, (b"x-timeout-ms", asked)]

    assert read_request_head(headers).timeout_s(allowed_s=30) == seconds


@pytest.mark.parametrize("asked", [b"0", b"-5", b"1.5", b"soon", b"", b"9999999999"])
def test_an_unreadable_deadline_is_refused(asked: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_request_head([HOST, (b"x-timeout-ms", asked)]).timeout_s(allowed_s=30)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"abc-123.X:Y_z", True),
        (b"a" * 128, True),
        (b"a" * 129, False),
        (b"", False),
        (b'a"b', False),
        (b"a\nb", False),
    ],
)
def test_sane_request_ids_are_kept(sent: bytes, kept: bool) -> None:
    assert (request_id_of([(b"x-request-id", sent)]) == sent.decode()) is kept


def test_a_workers_connection_is_not_the_clients() -> None:
    headers = [
        (b"date", b"now"),
        (b"connection", b"close"),
        (b"content-length", b"0"),
        (b"x-gridfaas-note", b"inner"),
        (b"etag", b"1"),
    ]

    assert response_headers(headers, status=200) == [(b"content-length", b"0"), (b"etag", b"1")]
    assert response_headers(headers, status=304) == [(b"etag", b"1")]
