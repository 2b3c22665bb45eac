"""What the gateway reads from a client's headers, and what it lets through to a function."""

import re
from dataclasses import dataclass, field
from secrets import token_hex

from gateway.asgi import Headers
from gateway.forwarding.connection import BODILESS
from gateway.refusal import Refusal

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

# Connection-bound (RFC 9110 7.6.1), or said anew by the gateway.
_DROPPED = frozenset(
    {
        b"connection",
        b"expect",
        b"forwarded",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
        b"x-call-id",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
# Read here, never forwarded: a function has no business with a caller's key.
_READ = frozenset(
    {
        b"authorization",
        b"content-length",
        b"gridfaas-attempt",
        b"gridfaas-call-id",
        b"gridfaas-origin",
        b"gridfaas-subject",
        b"gridfaas-tenant",
        b"host",
        b"transfer-encoding",
        b"x-api-key",
        b"x-request-id",
        b"x-timeout-ms",
    }
)
_RESPONSE_DROPPED = frozenset(
    {
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-call-id",
        b"x-request-id",
    }
)


class MalformedRequest(Refusal):
    """Headers that contradict each other or cannot be read."""


@dataclass(slots=True)
class RequestHead:
    """`read` holds the gateway's own headers, `forwarded` what goes on as it came."""

    read: dict[bytes, bytes] = field(default_factory=dict)
    forwarded: Headers = field(default_factory=list)
    content_length: int | None = None
    chunked: bool = False
    expects_continue: bool = False
    idempotency_key: bool = False

    def timeout_s(self, *, allowed_s: float) -> float:
        """Seconds for this call: the function's own, or less where the client asks for less.

        Raises:
            MalformedRequest: X-Timeout-Ms is no positive whole number.
        """
        asked = self.read.get(b"x-timeout-ms")
        if asked is None:
            return allowed_s
        if not asked.isdigit() or len(asked) > 9 or int(asked) == 0:
            raise MalformedRequest("X-Timeout-Ms must be a positive whole number of milliseconds")
        return min(allowed_s, int(asked) / 1000)


def request_id_of(headers: Headers) -> str:
    """Return the client's X-Request-Id if it is one of sane characters, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _SANE_REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return token_hex(16)


def read_request_head(headers: Headers) -> RequestHead:
    """Sort ASGI headers (lower-case names) into what is read, forwarded and dropped.

    Raises:
        MalformedRequest: two framings of the body, a header doubled that decides about the call,
            a transfer coding other than chunked, no Host.
    """
    head = RequestHead()
    read = head.read
    connection_bound: set[bytes] = set()
    for name, value in headers:
        if name in _READ:
            if name in read:
                raise MalformedRequest(f"the header {name.decode()} must not be repeated")
            read[name] = value
        elif name in _DROPPED:
            if name == b"connection":
                connection_bound.update(token.strip().lower() for token in value.split(b","))
            elif name == b"expect":
                if value.lower() != b"100-continue":
                    raise MalformedRequest("the only expectation known here is 100-continue")
                head.expects_continue = True
        # Some servers read an underscore as a hyphen; a forged identity must not pass that way.
        elif not name.replace(b"_", b"-").startswith((b"x-gridfaas-", b"gridfaas-")):
            head.forwarded.append((name, value))
            if name == b"idempotency-key":
                head.idempotency_key = True
    connection_bound -= {b"close", b"keep-alive", b""}
    if connection_bound:
        head.forwarded = [pair for pair in head.forwarded if pair[0] not in connection_bound]
    if b"host" not in read:
        raise MalformedRequest("the header host is missing")
    _read_framing(head)
    return head


def _read_framing(head: RequestHead) -> None:
    length = head.read.get(b"content-length")
    encoding = head.read.get(b"transfer-encoding")
    if encoding is not None:
        if length is not None:
            raise MalformedRequest("a body has a Content-Length or a Transfer-Encoding, not both")
        if encoding.strip().lower() != b"chunked":
            raise MalformedRequest("the only transfer coding known here is chunked")
        head.chunked = True
    elif length is not None:
        if not length.isdigit() or len(length) > 18:
            raise MalformedRequest("Content-Length is not a whole number")
        head.content_length = int(length)


def response_headers(headers: Headers, *, status: int) -> Headers:
    """Return a worker's headers without those of its connection and those the gateway says."""
    kept = [
        pair
        for pair in headers
        if pair[0] not in _RESPONSE_DROPPED and not pair[0].startswith(b"x-gridfaas-")
    ]
    if status in BODILESS:
        # Here a length speaks of another answer's body, which the server would wait for.
        kept = [pair for pair in kept if pair[0] != b"content-length"]
    return kept
