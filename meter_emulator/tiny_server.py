"""The smallest HTTP server a sender can be measured against: it reads a request and says yes.

Run as `python -m meter_emulator.tiny_server`: prints its address as JSON on the first line, serves
until its standard input ends.
"""

import asyncio
import json
import sys
from typing import cast

import httptools
import uvloop

ANSWER = b'{"accepted":100,"duplicate":0,"corrected":0,"rejected":0,"series":[]}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)


class TinyConnection(asyncio.Protocol):
    """Answers every request with the same 200."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_complete(self) -> None:
        self._transport.write(REPLY)


async def serve_until_input_ends() -> None:
    """Serve on a free port of 127.0.0.1 for as long as the starter keeps its end open."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(TinyConnection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_input_ends())
