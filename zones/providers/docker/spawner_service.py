"""A spawner in a container of its own, for the agent of one zone, which is in another.

It alone mounts the engine's socket. What may be mounted into workers' containers is what its own
container mounts, and no agent can add to that. One agent is served at a time; when it hangs up,
what it had made is removed, and the program begins anew in the same process.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from zones.providers.docker.body import Site
from zones.providers.docker.engine import Engine, EngineRefused, EngineUnavailable
from zones.providers.docker.spawner import Spawner, configure_logging
from zones.providers.port import FIRST_UID

PROJECT = "com.docker.compose.project"
RETRY_S = 1.0

logger = logging.getLogger("zones.providers.docker.spawner")


def listening(path: Path) -> socket.socket:
    """Listen at `path`, for whoever can pass the folders above it."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    # The agent's user is another one; only its container has this folder besides ours.
    path.chmod(0o666)
    listener.listen(1)
    return listener


def own_site(engine: Engine, arguments: argparse.Namespace) -> Site:
    """Complete the site by what the engine says of the container that this runs in.

    Raises:
        EngineUnavailable, EngineRefused: the engine does not say.
    """
    own = engine.own_container()
    return Site(
        installation=own["Config"]["Labels"].get(PROJECT) or own["Id"][:12],
        zone=arguments.zone,
        image=arguments.image,
        channels=arguments.channels,
        roots=(arguments.functions,),
        shared=tuple(arguments.store),
        mounted={mount["Destination"]: mount["Source"] for mount in own["Mounts"]},
        lowest_uid=FIRST_UID,
    )


def main() -> None:
    """Run until SIGTERM; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m zones.providers.docker.spawner_service")
    parser.add_argument("--socket", type=Path, required=True, help="where the agent calls")
    parser.add_argument("--zone", required=True)
    parser.add_argument("--image", required=True, help="what workers' containers are made of")
    parser.add_argument("--channels", type=Path, required=True, help="folder of the channels")
    parser.add_argument("--functions", type=Path, required=True, help="folder of functions")
    parser.add_argument(
        "--store", type=Path, action="append", default=[], help="folder of a store's socket"
    )
    parser.add_argument("--listener-fd", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    configure_logging()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    site = _site(arguments)
    if arguments.listener_fd is None:
        listener = listening(arguments.socket)
    else:
        listener = socket.socket(fileno=arguments.listener_fd)
    control, _ = listener.accept()
    Spawner(control, Engine(site)).run()
    _again(listener)


def _site(arguments: argparse.Namespace) -> Site:
    unknown = Site(
        installation="", zone=arguments.zone, image="", channels=Path("/"), roots=(), shared=()
    )
    told = False
    while True:
        try:
            return own_site(Engine(unknown), arguments)
        except (EngineUnavailable, EngineRefused) as error:
            if not told:
                logger.warning("%s", error)
                told = True
            time.sleep(RETRY_S)


def _again(listener: socket.socket) -> NoReturn:
    """Begin anew with the same socket: threads that wait for the engine end with the program."""
    listener.set_inheritable(True)
    known = [argument for argument in sys.argv[1:] if not argument.startswith("--listener-fd")]
    own = [f"--listener-fd={listener.fileno()}"]
    os.execv(sys.executable, [sys.executable, "-m", str(__spec__.name), *known, *own])


def _end(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Out of whatever it waits for: what was made is removed on the way.
    raise SystemExit(0)


if __name__ == "__main__":
    main()
