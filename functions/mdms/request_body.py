"""The body of a raw ASGI request: its media type, its bound, its deadline."""

from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
)
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLarge(ValueError):
    """The body is longer than one request may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes")
        self.members = {"limit": limit}


class UnsupportedMediaType(ValueError):
    """The body is of a type or in an encoding that this route does not read."""


class ClientGone(ConnectionError):
    """The client left before its body was complete; nobody waits for an answer."""


def header_map(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by lower-case name; the last of a repeated name counts."""
    return dict(headers)


def content_encoding(
    headers: Mapping[bytes, bytes], *, media_type: str, encodings: tuple[str, ...]
) -> str:
    """Return the body's encoding after checking that it is of `media_type`.

    Raises:
        UnsupportedMediaType: another media type, another charset than UTF-8, another encoding.
    """
    return content_form(headers, media_types=(media_type,), encodings=encodings)[1]


def content_form(
    headers: Mapping[bytes, bytes], *, media_types: Collection[str], encodings: tuple[str, ...]
) -> tuple[str, str]:
    """Return the body's media type, one of `media_types`, and its encoding.

    Raises:
        UnsupportedMediaType: another media type, another charset than UTF-8, another encoding.
    """
    said = headers.get(b"content-type", b"").decode("latin-1")
    if said in media_types and b"content-encoding" not in headers and "identity" in encodings:
        return said, "identity"
    kind, _, parameters = said.partition(";")
    kind = kind.strip().lower()
    if kind not in media_types:
        known = " or ".join(media_types)
        raise UnsupportedMediaType(f"the body is {kind or 'untyped'}, not {known}")
    name, _, charset = parameters.strip().partition("=")
    if name.lower() == "charset" and charset.strip('"').lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"the body's charset is {charset}, not utf-8")
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding not in encodings:
        raise UnsupportedMediaType(
            f"content encoding {encoding!r}; this route reads {', '.join(encodings)}"
        )
    return kind, encoding


async def read_request_body(
    receive: Receive, headers: Mapping[bytes, bytes], *, limit: int
) -> bytes:
    """Return the whole body, which is never held beyond `limit` bytes.

    Raises:
        BodyTooLarge: announced or found to be longer.
        ClientGone: the connection closed before the end.
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before its body was complete")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
