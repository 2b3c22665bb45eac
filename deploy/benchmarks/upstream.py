"""A worker to put gateways before: it reads a request and says yes, at once or after its time.

Run as `python -m deploy.benchmarks.upstream SOCKET SERVICE_MS`: one request at a time takes
SERVICE_MS milliseconds (0: none), the others wait; so it is as slow as it says, whatever comes. A
GET is told how many others it has answered.
"""

import asyncio
import sys
from typing import ClassVar, cast

import httptools
import uvloop

from deploy.benchmarks.serving import serve_until_input_ends

ANSWER = b'{"accepted":1}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)


class Upstream(asyncio.Protocol):
    """Answers every request with the same 200, all connections taking turns."""

    service_s: ClassVar[float] = 0.0
    answered: ClassVar[int] = 0
    _free_at: ClassVar[float] = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            body = b"%d" % Upstream.answered
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            return
        Upstream.answered += 1
        if not Upstream.service_s:
            self._transport.write(REPLY)
            return
        loop = asyncio.get_running_loop()
        Upstream._free_at = max(loop.time(), Upstream._free_at) + Upstream.service_s
        loop.call_at(Upstream._free_at, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(REPLY)


if __name__ == "__main__":
    Upstream.service_s = float(sys.argv[2]) / 1000
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_input_ends(Upstream, socket=sys.argv[1]))
