"""A zone's entrance on a real socket: it tells the deployments, and answers calls of functions."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httptools


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered; `close` ends the connection instead."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False


Function = Callable[[Asked], Awaitable[Reply]]


async def answers_ok(_: Asked) -> Reply:
    return Reply()


class Entrance:
    """`functions` answer by name; `asked` are the calls that came, in their order."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self.deployments: list[dict[str, Any]] = []
        self.asked: list[Asked] = []
        self.edition = 0

    def deploy(
        self,
        name: str,
        function: Function = answers_ok,
        *,
        tenant: str = "acme",
        **spec: Any,
    ) -> None:
        """Have a function of a tenant, with members of its spec."""
        self.functions[name] = function
        self.deployments = [one for one in self.deployments if one["name"] != name]
        self.deployments.append(
            {
                "tenant": tenant,
                "name": name,
                "version": 1,
                "digest": "0" * 64,
                "spec": {"name": name, **spec},
            }
        )
        self.edition += 1

    def bodies(self, name: str) -> list[bytes]:
        """Bodies of the calls of one function."""
        return [one.body for one in self.asked if one.path.startswith(f"/function/{name}")]

    async def answer(self, asked: Asked) -> Reply:
        if asked.path.partition("?")[0] == "/v1/platform/deployments":
            return self._deployments(asked)
        if asked.path.startswith("/function/"):
            self.asked.append(asked)
            name = asked.path.removeprefix("/function/").partition("/")[0].partition("?")[0]
            return await self.functions[name](asked)
        self.asked.append(asked)
        return await self.functions.get(asked.path, answers_ok)(asked)

    def _deployments(self, asked: Asked) -> Reply:
        mark = f'"{self.edition}"'
        if asked.headers.get("if-none-match") == mark:
            return Reply(status=304, body=b"", headers={"etag": mark})
        tenants = [{"slug": slug} for slug in ("acme", "bolt")]
        body = json.dumps({"deployments": self.deployments, "tenants": tenants}).encode()
        return Reply(body=body, headers={"etag": mark, "content-type": "application/json"})


class _Connection:
    def __init__(self, entrance: Entrance, writer: asyncio.StreamWriter) -> None:
        self._entrance = entrance
        self._writer = writer
        self._parser = httptools.HttpRequestParser(self)
        self.whole: asyncio.Queue[Asked] = asyncio.Queue()
        self._fresh()

    def _fresh(self) -> None:
        self._url, self._headers, self._body = "", dict[str, str](), b""

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self.whole.put_nowait(
            Asked(method=method, path=self._url, headers=self._headers, body=self._body)
        )
        self._fresh()

    async def answer_all(self) -> None:
        while True:
            reply = await self._entrance.answer(await self.whole.get())
            if reply.close:
                self._writer.transport.abort()
                return
            headers = {"content-length": str(len(reply.body)), **reply.headers}
            lines = [f"HTTP/1.1 {reply.status} X", *(f"{n}: {v}" for n, v in headers.items())]
            self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + reply.body)


@contextlib.asynccontextmanager
async def listening(entrance: Entrance) -> AsyncIterator[str]:
    """Listen on a port of the loopback; give the base URL."""
    open_now: set[asyncio.StreamWriter] = set()
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(entrance, writer)
        answering = asyncio.create_task(connection.answer_all())
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        open_now.add(writer)
        try:
            while data := await reader.read(65_536):
                connection.feed(data)
        except ConnectionError:
            pass
        finally:
            # As a gateway does: a caller that is gone ends the call.
            answering.cancel()
            open_now.discard(writer)
            served.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for writer in open_now:
            writer.transport.abort()
        if served:
            await asyncio.wait(served)
