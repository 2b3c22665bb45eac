"""A parent, or a link to it, that takes connections and resets them at once."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvloop

from functions.runtime.zone_client import zone_client
from zones.agent.parent_client import parent_client

CALLS = 300
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting() -> Iterator[str]:
    """Address of a server that resets each connection as soon as it is made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            line, _ = server.accept()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.close()


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(parent_client, id="agent"),
        pytest.param(lambda: zone_client("", credential="gf_key"), id="service"),
    ],
)
def test_every_reset_is_an_error_that_callers_expect(
    resetting: str, client: Callable[[], httpx.AsyncClient]
) -> None:
    async def call() -> int:
        failed = 0
        async with client() as http:
            for _ in range(CALLS):
                with contextlib.suppress(httpx.HTTPError):
                    await http.get(f"{resetting}/v1/platform/snapshot")
                    continue
                failed += 1
        return failed

    # As agents and workers run: asyncio's own loop meets this state never.
    assert uvloop.run(call()) == CALLS
