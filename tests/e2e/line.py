"""One keep-alive HTTP/1.1 connection, as a head-end would write it: no code of the platform's."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

MAX_HEAD_BYTES = 64 * 1024

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class NoAnswer(Exception):
    """The connection was refused, broke, or said nothing in time: the request may have worked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes


def by_port(port: int) -> Open:
    """Connections to a port of this machine."""
    return lambda: asyncio.open_connection("127.0.0.1", port, limit=MAX_HEAD_BYTES)


def by_socket(path: Path) -> Open:
    """Connections to a unix socket."""
    return lambda: asyncio.open_unix_connection(path, limit=MAX_HEAD_BYTES)


class Line:
    """Sends one request at a time; a connection that failed is replaced by the next request."""

    def __init__(self, open_connection: Open, *, key: str = "", answer_s: float = 20.0) -> None:
        self._open = open_connection
        self._key = key
        self._answer_s = answer_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send and wait for the answer.

        Raises:
            NoAnswer: whether the request was carried out is unknown.
        """
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._exchange(method, path, body, headers)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NoAnswer(f"{method} {path}: {error!r}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        if self._streams is None:
            self._streams = await self._open()
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", "Host: lab", f"Content-Length: {len(body)}"]
        if self._key:
            lines.append(f"Authorization: Bearer {self._key}")
        if body:
            lines.append("Content-Type: application/json")
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        answer = await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection") == "close":
            self.close()
        return Answer(int(head[0].split(" ", 2)[1]), answer)
