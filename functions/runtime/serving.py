"""A function served on its unix socket, the same in a forked worker and in a container."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvloop

from functions.runtime.asgi_exchange import App
from functions.runtime.config import WorkerConfig
from functions.runtime.function_app import load_app
from functions.runtime.function_log import write_log
from functions.runtime.protocol import Report
from functions.runtime.server import WorkerServer

BACKLOG: Final = 1024


@contextlib.contextmanager
def bound_socket(path: str) -> Iterator[socket.socket]:
    """Give a listening unix socket that only its owner may connect to; umask is 077 from then on.

    Raises:
        OSError: it cannot be bound.
    """
    os.umask(0o177)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.umask(0o077)
        listener.listen(BACKLOG)
        yield listener


def server_of(config: WorkerConfig, app: App, *, report: Callable[[Any], None]) -> WorkerServer:
    """Return a server of `app` that ends at the limits of a tenant's own code."""
    own = config.folder is not None
    return WorkerServer(
        app,
        report=report,
        memory_mb=config.memory_mb,
        run_time_s=config.timeout_s if own else None,
    )


def serve(
    config: WorkerConfig, *, listener: socket.socket, report: Callable[[Report], None]
) -> None:
    """Load the function's code and serve it until SIGTERM, or until it meets a limit.

    Raises:
        FunctionUnusable: its code cannot be loaded.
        SystemExit: a limit was met; its status is a `WorkerExit`.
    """
    if config.folder is not None:
        os.chdir(config.folder)
        write_log()
    server = server_of(config, load_app(config), report=report)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
    if server.limit is not None:
        raise SystemExit(server.limit.value)
