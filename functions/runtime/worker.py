"""The child's side of a fork: from a zygote's copy to one tenant's function, served."""

import contextlib
import gc
import os
import signal
import socket
from pathlib import Path

from functions.runtime.config import decode_config
from functions.runtime.confine import (
    close_descriptors,
    die_with,
    drop_privileges,
    gain_no_privileges,
    limit_resources,
    take_name,
)
from functions.runtime.containment import Containment, use_disk
from functions.runtime.cycles import RARELY
from functions.runtime.describe import describe
from functions.runtime.kept_imports import keep_importing, open_import_folders
from functions.runtime.protocol import Contained, Report, encoder
from functions.runtime.serving import bound_socket, serve
from storage.platform.functions.spec_file import load_services

MAX_CONFIG_BYTES = 64 * 1024
DESCRIBE_WITHIN_S = 120
DESCRIBE_MEMORY_MB = 512
NOBODY = 65_534


def run_worker(
    *,
    name: str,
    config_fd: int,
    reports: socket.socket,
    zygote: int,
    containment: Containment,
) -> None:
    """Serve the function that the configuration pipe names until SIGTERM; runs in the child.

    The socket is bound first and is its owner's alone (0600): the gateway runs as that user, and
    a tenant's uid can connect to nobody's worker, its own included. The function's own code
    (import, factory, lifespan, calls) runs after the drop of privileges only.

    Raises:
        ConfigError, ConfinementError, FunctionUnusable, OSError: nothing was served.
        SystemExit: a limit was met; its status is a `WorkerExit`.
    """
    close_descriptors(keep={config_fd, reports.fileno()})
    die_with(zygote)
    config = decode_config(_read_all(config_fd))
    take_name(f"{config.function}:{config.tenant}")
    os.chdir("/")

    def report(what: Report) -> None:
        # A zygote too busy to read misses one load; the next one carries the same totals.
        with contextlib.suppress(BlockingIOError):
            reports.send(encoder.encode(what))

    with bound_socket(config.socket) as listener:
        held = containment.hold(config, name=name)
        report(Contained(grouped=held.grouped, disk=str(held.disk or "")))
        gain_no_privileges()
        if config.uid is not None and config.gid is not None:
            folders = open_import_folders()
            drop_privileges(uid=config.uid, gid=config.gid)
            die_with(zygote)
            keep_importing(folders)
        containment.refuse_calls()
        use_disk(held.disk)
        # What is there was frozen by the zygote, whose pages it shares.
        gc.set_threshold(*RARELY)
        gc.enable()
        reports.setblocking(False)
        serve(config, listener=listener, report=report)


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
        gain_no_privileges()
        drop_privileges(uid=NOBODY, gid=NOBODY)
        die_with(zygote)
    gc.enable()
    with open(out_fd, "wb") as pipe:
        pipe.write(describe(specs))


def _read_all(config_fd: int) -> bytes:
    with open(config_fd, "rb") as pipe:
        return pipe.read(MAX_CONFIG_BYTES)
