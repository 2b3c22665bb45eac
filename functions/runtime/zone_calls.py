"""A function's calls of other functions and its messages, through its own zone's gateway."""

from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
import msgspec

from functions.runtime.answer import JSON
from functions.runtime.tls import client_context

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_CONNECTIONS: Final = 16


class ZoneUnreachable(Exception):
    """The zone's gateway gave no answer in time, or there is none to ask."""


class CallFailed(Exception):
    """The gateway or the called function answered with a status of 400 or above."""

    def __init__(self, what: str, answer: "Answer") -> None:
        super().__init__(f"{what} answered {answer.status}: {answer.text()[:300]}")
        self.answer = answer


class Answer:
    """What a called function said."""

    def __init__(self, *, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def text(self) -> str:
        """The body as UTF-8, unreadable bytes replaced."""
        return self.body.decode(errors="replace")

    def json(self, kind: Any = Any) -> Any:
        """The body as JSON, checked by `kind` if given.

        Raises:
            msgspec.DecodeError: it is not that.
        """
        return msgspec.json.decode(self.body, type=kind)


class Calls(Protocol):
    """A way to ask something of the zone."""

    async def send(
        self, path: str, *, body: Any, method: str, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        """Send `body` to a path of the zone and return the answer; see `ZoneCalls.send`."""

    async def close(self) -> None:
        """Give up what was opened."""


class ZoneCalls:
    """The gateway as one tenant's function sees it."""

    def __init__(self, *, gateway_url: str, key: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=gateway_url,
            headers={"authorization": f"Bearer {key}"},
            limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=5.0),
            verify=client_context(),
            trust_env=False,
        )

    async def send(
        self,
        path: str,
        *,
        body: Any,
        method: str,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Answer:
        """Send `body` (bytes and text as they are, anything else as JSON) to a path of the zone.

        Raises:
            ZoneUnreachable: no whole answer within `timeout_s`, or a larger one than is taken.
            CallFailed: a status of 400 or above.
        """
        content, kind = _encoded(body)
        said = {"content-type": kind, "x-timeout-ms": str(max(1, int(timeout_s * 1000)))}
        try:
            async with self._http.stream(
                method,
                path,
                content=content,
                headers={**said, **headers},
                timeout=timeout_s,
            ) as response:
                received = bytearray()
                async for piece in response.aiter_bytes():
                    received += piece
                    if len(received) > MAX_ANSWER_BYTES:
                        raise ZoneUnreachable(f"{path}: more than {MAX_ANSWER_BYTES} bytes")
        except httpx.HTTPError as error:
            raise ZoneUnreachable(f"{path}: {type(error).__name__} {error}".rstrip()) from error
        answer = Answer(
            status=response.status_code, headers=dict(response.headers), body=bytes(received)
        )
        if answer.status >= 400:
            raise CallFailed(path, answer)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def function_path(name: str, path: str) -> str:
    """The address of a function of the tenant, or of the platform, in its zone."""
    return f"/function/{quote(name, safe='')}{path if path.startswith('/') else f'/{path}'}"


def topic_path(topic: str) -> str:
    """The address of a topic of the tenant."""
    return f"/v1/messaging/topics/{quote(topic, safe='')}"


def _encoded(body: Any) -> tuple[bytes, str]:
    if body is None:
        return b"", JSON
    if isinstance(body, (bytes, bytearray)):
        return bytes(body), "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return msgspec.json.encode(body), JSON
