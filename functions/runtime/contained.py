"""The life of a worker in a container: it serves, sleeps, serves again, and drains."""

import asyncio
import importlib
import os
import socket
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

from functions.runtime.agent_channel import Asleep, ChannelError, Received, receive, take_over
from functions.runtime.built_for import check_environment
from functions.runtime.config import WorkerConfig, decode_config
from functions.runtime.confine import limit_resources, take_name
from functions.runtime.function_app import load_app
from functions.runtime.function_log import write_log
from functions.runtime.loopback import loopback_to
from functions.runtime.server import WorkerServer
from functions.runtime.serving import server_of

AGENT_GONE = 70
GATEWAY_SOCKET = "/run/gridfaas/gateway"


def serve(channel: socket.socket) -> None:
    """Serve the function that the channel's first order names until the agent has it end.

    Raises:
        ChannelError, ConfigError, FunctionUnusable, OSError: nothing was served.
        SystemExit: a limit was met; its status is a `WorkerExit`.
    """
    content, listener = take_over(receive(channel))
    channel.setblocking(False)
    config = decode_config(content)
    take_name(f"{config.function}:{config.tenant}")
    os.umask(0o077)
    if config.folder is not None:
        # Before the limit, which is on what the function takes beyond its runtime's libraries.
        importlib.import_module("functions.runtime.tenant_code")
    limit_resources(memory_mb=config.memory_mb, disk_mb=config.disk_mb)
    if config.folder is not None:
        write_log()
        check_environment(config.env)
    worker = ContainedWorker(config, channel=channel)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run(listener))


class ContainedWorker:
    """One function of one tenant; the application is built once, its lifespan runs once a turn."""

    def __init__(self, config: WorkerConfig, *, channel: socket.socket) -> None:
        self._config = config
        self._channel = channel
        self._app = load_app(config)
        self._server: WorkerServer | None = None
        self._sleeping = False
        self._next: asyncio.Future[Received] | None = None

    async def run(self, listener: socket.socket) -> None:
        """Serve on `listener` until the end; every later one comes over the channel."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel.fileno(), self._obey)
        port = urlsplit(self._config.gateway_url).port
        try:
            async with loopback_to(GATEWAY_SOCKET, port=port):
                turn: socket.socket | None = listener
                while turn is not None:
                    turn = await self._turn(turn)
        finally:
            loop.remove_reader(self._channel.fileno())

    async def _turn(self, listener: socket.socket) -> socket.socket | None:
        """Serve until told otherwise; after a sleep, return the next listening socket."""
        self._sleeping = False
        self._server = server_of(self._config, self._app, report=self._report)
        with listener:
            await self._server.serve(sockets=[listener])
        if self._server.limit is not None:
            raise SystemExit(self._server.limit.value)
        if not self._sleeping:
            return None
        self._next = asyncio.get_running_loop().create_future()
        self._report(Asleep())
        order = await self._next
        self._next = None
        if order.op == "drain":
            return None
        _, following = take_over(order)
        return following

    def _obey(self) -> None:
        try:
            order = receive(self._channel)
        except ChannelError:
            # Nobody is left to answer to.
            os._exit(AGENT_GONE)
        if self._next is not None:
            if not self._next.done():
                self._next.set_result(order)
            return
        for descriptor in order.descriptors:
            os.close(descriptor)
        self._sleeping = order.op == "sleep"
        if self._server is not None:
            self._server.end()

    def _report(self, what: Any) -> None:
        try:
            self._channel.send(msgspec.msgpack.encode(what))
        except BlockingIOError:
            # An agent too busy to read misses one load; the next one carries the same totals.
            return
        except OSError:
            os._exit(AGENT_GONE)
