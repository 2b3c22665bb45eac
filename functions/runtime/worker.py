"""The child's side of a fork: from a zygote's copy to one tenant's function, served."""

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

import uvloop

from functions.runtime.config import WorkerConfig, decode_config
from functions.runtime.confine import (
    close_descriptors,
    die_with,
    drop_privileges,
    limit_resources,
    take_name,
)
from functions.runtime.describe import describe
from functions.runtime.protocol import Report, encoder
from functions.runtime.server import WorkerServer
from storage.platform.functions.spec_file import load_services

MAX_CONFIG_BYTES = 64 * 1024
BACKLOG = 1024
DESCRIBE_WITHIN_S = 120
DESCRIBE_MEMORY_MB = 512
NOBODY = 65_534

logger = logging.getLogger(__name__)


class AppError(Exception):
    """The function's `module:factory` cannot be had."""


def run_worker(*, config_fd: int, reports: socket.socket, zygote: int) -> None:
    """Serve the function that the configuration pipe names until SIGTERM; runs in the child.

    The socket is bound first and is its owner's alone (0600): the gateway runs as that user, and
    a tenant's uid can connect to nobody's worker, its own included. The function's own code
    (factory, lifespan, calls) runs after the drop of privileges only.

    Raises:
        ConfigError, ConfinementError, AppError, OSError: nothing was served.
    """
    close_descriptors(keep={config_fd, reports.fileno()})
    die_with(zygote)
    config = decode_config(_read_all(config_fd))
    take_name(f"{config.function}:{config.tenant}")
    os.chdir("/")
    os.umask(0o177)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(config.socket)
        os.umask(0o077)
        listener.listen(BACKLOG)
        limit_resources(memory_mb=config.memory_mb)
        if config.uid is not None and config.gid is not None:
            drop_privileges(uid=config.uid, gid=config.gid)
            die_with(zygote)
        gc.enable()
        reports.setblocking(False)

        def report(what: Report) -> None:
            # A zygote too busy to read misses one load; the next one carries the same totals.
            with contextlib.suppress(BlockingIOError):
                reports.send(encoder.encode(what))

        server = WorkerServer(build_app(config), report=report)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))


def write_description(*, out_fd: int, functions: Path, zygote: int) -> None:
    """Write the OpenAPI documents of all functions into a pipe; runs in a child of the zygote.

    It holds no credential and, under root, belongs to nobody: functions' code runs here, too.

    Raises:
        SpecError, ConfinementError, OSError: nothing, or not all, was written.
    """
    close_descriptors(keep={out_fd})
    die_with(zygote)
    take_name("describe")
    os.chdir("/")
    signal.alarm(DESCRIBE_WITHIN_S)
    specs = load_services(functions).values()
    limit_resources(memory_mb=DESCRIBE_MEMORY_MB)
    if os.geteuid() == 0:
        drop_privileges(uid=NOBODY, gid=NOBODY)
        die_with(zygote)
    gc.enable()
    with open(out_fd, "wb") as pipe:
        pipe.write(describe(specs))


def build_app(config: WorkerConfig) -> Any:
    """Make the function's application.

    Raises:
        AppError: it cannot be had.
    """
    if config.app is None:
        raise AppError(f"function {config.function!r} names no application")
    module_name, _, factory_name = config.app.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), factory_name)
    except (ImportError, AttributeError) as error:
        raise AppError(f"{config.app} of function {config.function!r}: {error}") from error
    return factory(config)


def _read_all(config_fd: int) -> bytes:
    with open(config_fd, "rb") as pipe:
        return pipe.read(MAX_CONFIG_BYTES)
