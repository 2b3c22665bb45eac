"""What a function is called with, and what it answers."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qs

import msgspec

Trigger = Literal["http", "async", "topic", "schedule"]
TRIGGERS: Final[tuple[Trigger, ...]] = ("http", "async", "topic", "schedule")


class BodyUnreadable(ValueError):
    """The call's body is not the JSON or the text that the function asked it to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One call of a function.

    `path` is what follows the function's name in the address, at least "/". `headers` have
    lower-case names; a header sent twice is joined by ", ". `query` holds the first value of each
    name, `query_values` all of them. `attempt` counts from 1; it rises when an asynchronous call
    or a message is tried again.
    """

    method: str = "POST"
    path: str = "/"
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trigger: Trigger = "http"
    call_id: str = ""
    attempt: int = 1

    @property
    def query(self) -> dict[str, str]:
        """The first value of each name in the query."""
        return {name: values[0] for name, values in self._parsed().items()}

    def query_values(self, name: str) -> list[str]:
        """Every value of `name` in the query, in order."""
        return self._parsed().get(name, [])

    def text(self) -> str:
        """Return the body as UTF-8 text.

        Raises:
            BodyUnreadable: it is no UTF-8; uncaught, the caller is answered 400.
        """
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise BodyUnreadable("the body is not UTF-8 text") from error

    def json(self, kind: Any = Any) -> Any:
        """Return the body as JSON; with `kind` (a msgspec Struct, dataclass, type) checked by it.

        Raises:
            BodyUnreadable: it is not that JSON; uncaught, the caller is answered 400.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BodyUnreadable(f"the body is not the JSON that was expected: {error}") from error

    def _parsed(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)


Content = bytes | str | AsyncIterable[bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer with a status and headers of its own.

    A `body` of bytes or text is sent whole; an async iterator of bytes is streamed piece by piece.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Content = None


class Refused(Exception):
    """Raise it to answer a problem (RFC 9457): `status` 400 to 599, `detail` for the caller."""

    def __init__(self, status: int, detail: str, *, slug: str = "refused") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug
