"""`python -m gateway`: the gateway of one zone."""

import asyncio
import contextlib
import gc
import json
import logging.config
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

import uvicorn
from pydantic import ValidationError

from gateway.app import Gateway
from gateway.client_connection import ClientConnection
from gateway.listener import AddressUnusable, bind_listener
from gateway.settings import GatewaySettings, read_settings

EXIT_UNUSABLE = 2
_TICK_S = 1.0


class GatewayServer(uvicorn.Server):
    """Ends by returning, also on SIGTERM, where uvicorn would end by the signal itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        """As uvicorn's."""
        super().__init__(config)
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there by now stays: going through it again took a tenth of the processor time.
        gc.collect()
        gc.freeze()
        # Calls leave hardly any cycles behind: looking for them every 700 objects is too often.
        gc.set_threshold(20_000, 20, 20)

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether it should end; this is told.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._ending.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def main() -> int:
    """Serve until SIGTERM or SIGINT, then let open calls end; returns the exit status."""
    try:
        settings = read_settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        return _refuse(f"settings: {faults}")
    try:
        listener = bind_listener(settings.host, settings.port)
    except AddressUnusable as error:
        return _refuse(str(error))
    with listener:
        return _serve(settings, listener)


def _serve(settings: GatewaySettings, listener: socket.socket) -> int:
    if settings.log_config is not None:
        logging.config.dictConfig(json.loads(settings.log_config.read_text()))
    server = GatewayServer(
        uvicorn.Config(
            Gateway(settings),
            loop="uvloop",
            http=ClientConnection,
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=settings.drain_s,
        )
    )
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _refuse(reason: str) -> int:
    sys.stderr.write(f"gateway: {reason}\n")
    return EXIT_UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
