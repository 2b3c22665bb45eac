"""A connection of the zone's gateway to a worker: HTTP/1.1, one request at a time."""

import asyncio
import logging
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.server import ServerState

from functions.runtime.asgi_exchange import App, Exchange
from functions.runtime.known_heads import KnownHeads
from functions.runtime.whole_call import WholeCall, WholeExchange, take_whole_of

_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}

# Of all connections of the process: they come from one gateway.
_HEADS: Final = KnownHeads()

logger = logging.getLogger(__name__)


class GatewayConnection(asyncio.Protocol):
    """What uvicorn's server makes for each connection, in place of its own general protocol.

    The peer is always the gateway: it sends no request before the answer to the last one, keeps
    few connections and closes them itself, so there are no limits and no timers here.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = cast(App, config.loaded_app)
        self._take_whole = take_whole_of(config.loaded_app)
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | WholeExchange | None = None
        self._parts: list[bytes] | None = None
        self._message_ended = True
        self._offered = False
        self._writable: asyncio.Future[None] | None = None
        self._keep = True
        self._receiving = False
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def shutdown(self) -> None:
        """Close as soon as no request is under way."""
        self._keep = False
        if self._exchange is None and self._transport is not None:
            self._transport.close()

    # The exchange's side.

    def write(self, data: bytes) -> None:
        """Write bytes of the answer."""
        if self._transport is not None:
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait while the gateway does not read."""
        if self._writable is not None:
            await asyncio.shield(self._writable)

    def read_on(self, more: bool) -> None:
        """Go on reading the request's body, or hold it back."""
        if self._transport is None:
            return
        if more:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def answered(self, *, whole: bool) -> None:
        """Be ready for the next request, or close when there will be none."""
        self._exchange = None
        self._state.total_requests += 1
        if self._transport is None:
            return
        if whole and self._keep:
            self._transport.resume_reading()
        else:
            self._transport.close()

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport does without being one.
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(cast(Any, self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._state.connections.discard(cast(Any, self))
        self.resume_writing()
        if self._exchange is not None:
            self._exchange.gone()

    def data_received(self, data: bytes) -> None:
        self._offered = False
        if self._message_ended and self._exchange is None and self._take_whole is not None:
            call = _HEADS.find(data)
            if call is not None and self._offer(call):
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            logger.error("the gateway sent what is no request: %s", error)
            if self._transport is not None:
                self._transport.abort()
            return
        if self._parts is not None:
            self._begin(self._parts, data)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    # The parser's side.

    def on_message_begin(self) -> None:
        if self._exchange is not None or self._parts is not None:
            raise PipelinedRequest("a request before the answer to the one before")
        self._url = b""
        self._headers = []
        self._message_ended = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self._keep = False
        # The body may be in the same read: only at its end is it known whether the call is whole.
        self._parts = []

    def on_body(self, body: bytes) -> None:
        if self._parts is not None:
            self._parts.append(body)
        elif isinstance(self._exchange, Exchange):
            self._exchange.body(body)

    def on_message_complete(self) -> None:
        self._message_ended = True
        if isinstance(self._exchange, Exchange):
            self._exchange.end()

    # A request whose head is there, and what of its body came with it.

    def _offer(self, call: WholeCall) -> bool:
        """Whether the application takes a call that came whole; it is asked once."""
        assert self._take_whole is not None
        self._offered = True
        self._exchange = whole = WholeExchange(self)
        if self._take_whole(call, whole.reply):
            return True
        self._exchange = None
        return False

    def _begin(self, parts: list[bytes], data: bytes) -> None:
        self._parts = None
        raw_path, _, query = self._url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        method = self._parser.get_method().decode("ascii")
        if self._message_ended and self._take_whole is not None and not self._offered:
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            call = WholeCall(method, path, self._headers, body)
            if self._offer(call):
                if self._keep and self._parser.get_http_version() == "1.1":
                    _HEADS.learn(data, call)
                return
        self._exchange = exchange = Exchange(
            self,
            {
                "type": "http",
                "asgi": _ASGI,
                "http_version": self._parser.get_http_version(),
                "method": method,
                "scheme": "http",
                "path": path,
                "raw_path": raw_path,
                "query_string": query,
                "root_path": "",
                "headers": self._headers,
                "client": None,
                "server": None,
                "state": self._app_state.copy(),
            },
        )
        for part in parts:
            exchange.body(part)
        if self._message_ended:
            exchange.end()
        task = self._loop.create_task(exchange.run(self._app))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)


class PipelinedRequest(Exception):
    """Raised through the parser: the peer is no gateway of ours."""
