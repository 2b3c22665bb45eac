"""What a gateway asks its zone's agent, answered from a file; the workers are the benchmark's own.

Run as `python -m deploy.benchmarks.fixed_agent SOCKET FILE`; the file holds, as JSON, the answer to
each path.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, ClassVar, cast

import httptools
import uvloop

from deploy.benchmarks.serving import serve_until_input_ends


class FixedAgent(asyncio.Protocol):
    """Answers by the path alone; what is not in the file is not found."""

    answers: ClassVar[dict[str, Any]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._path = url.decode("latin-1")

    def on_message_complete(self) -> None:
        found = self.answers.get(self._path)
        line = b"404 Not Found" if found is None else b"200 OK"
        body = json.dumps(found or {}).encode()
        self._transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (line, len(body), body)
        )


if __name__ == "__main__":
    FixedAgent.answers = json.loads(Path(sys.argv[2]).read_text())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_until_input_ends(FixedAgent, socket=sys.argv[1]))
