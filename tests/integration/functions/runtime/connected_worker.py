"""A server over a worker's connections, the application that it serves, and a peer of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httptools
import uvicorn

from functions.runtime.http_connection import GatewayConnection

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WAIT_S = 20


class Application:
    """Answers by path, and remembers what it was told."""

    def __init__(self) -> None:
        self.scopes: list[Message] = []
        self.disconnected = asyncio.Event()
        self.waiting = asyncio.Event()
        self.sent = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.scopes.append(scope)
        await getattr(self, scope["path"].rpartition("/")[2])(receive, send)

    async def echo(self, receive: Receive, send: Send) -> None:
        await answer(send, await whole_body(receive))

    async def early(self, receive: Receive, send: Send) -> None:
        await answer(send, b"enough")

    async def pieces(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def nothing(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def fails(self, receive: Receive, send: Send) -> None:
        raise ValueError("a bug of the function")

    async def half(self, receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": 200}
        await send(head | {"headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        raise ValueError("a bug in the middle")

    async def short(self, receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": 200}
        await send(head | {"headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"12345"})

    async def waits(self, receive: Receive, send: Send) -> None:
        await whole_body(receive)
        self.waiting.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()

    async def slow(self, receive: Receive, send: Send) -> None:
        self.waiting.set()
        await asyncio.sleep(0.2)
        await answer(send, b"at last")

    async def floods(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
            self.sent += 1
        await send({"type": "http.response.body"})


async def whole_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            return body


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Answer:
    """Filled by a parser that is not the one under test's peer."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


class Peer:
    """One connection to the worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def call(self, path: str, body: bytes = b"", *, method: str = "POST") -> Answer:
        head = f"{method} {path} HTTP/1.1\r\nHost: w\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        return await self.answer()

    async def answer(self) -> Answer:
        found = Answer()
        parser = httptools.HttpResponseParser(found)
        while not found.whole:
            data = await asyncio.wait_for(self.reader.read(1 << 16), WAIT_S)
            assert data, "the worker closed before a whole answer"
            parser.feed_data(data)
        assert parser.get_status_code() == 200
        return found

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), WAIT_S)


class Worker:
    """A server over the connection class under test."""

    def __init__(self, folder: Path, app: Any) -> None:
        self.app = app
        self.path = str(folder / "w.sock")
        self.server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                uds=self.path,
                http=GatewayConnection,
                ws="none",
                interface="asgi3",
                proxy_headers=False,
                log_config=None,
                timeout_graceful_shutdown=5,
            )
        )

    @contextlib.asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_unix_connection(self.path)
        yield Peer(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def running_worker(app: Any) -> AsyncIterator[Worker]:
    """Serve `app` until the block ends."""
    with TemporaryDirectory(dir="/tmp") as folder:
        running = Worker(Path(folder), app)
        # As the server's own `serve`, without its hold on the test's signals.
        running.server.config.load()
        running.server.lifespan = running.server.config.lifespan_class(running.server.config)
        await running.server.startup()
        yield running
        await running.server.shutdown()
