"""The only process of a zone that holds the Docker socket; it obeys `frames` and nothing else.

It knows no credential: what a worker is told goes from the agent to the container without it.
When its agent is gone, it removes every container it made and ends.
"""

import argparse
import contextlib
import json
import logging
import logging.config
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from zones.providers.docker.body import decode_site
from zones.providers.docker.engine import (
    ContainerGone,
    Ending,
    Engine,
    EngineRefused,
    EngineUnavailable,
)
from zones.providers.docker.frames import (
    MAX_FRAME_BYTES,
    Down,
    End,
    Event,
    Exited,
    Order,
    Pause,
    Paused,
    Refused,
    Resume,
    Resumed,
    Start,
    Started,
    Up,
    encoder,
    order_decoder,
)

THREADS = 4
RETRY_S = 1.0
SEND_DEADLINE_S = 10.0
CLEAN_DEADLINE_S = 30.0

logger = logging.getLogger("zones.providers.docker.spawner")


@dataclass(slots=True)
class Made:
    """A container from its order on; `container` is the engine's id once there is one."""

    container: str | None = None
    doomed: bool = False


class Spawner:
    """Obeys one agent; each order is done by one of a few threads."""

    def __init__(self, control: socket.socket, engine: Engine) -> None:
        self._control = control
        self._control.settimeout(None)
        self._engine = engine
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._made: dict[str, Made] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="order")
        self._agent_gone = threading.Event()

    def run(self) -> None:
        """Serve until the agent is gone, then remove what there is."""
        threading.Thread(target=self._watch, name="deaths", daemon=True).start()
        try:
            while frame := self._control.recv(MAX_FRAME_BYTES):
                self._obey(frame)
        except OSError as error:
            logger.warning("the agent cannot be heard: %s", error)
        finally:
            self._agent_gone.set()
            self._clean_up()

    def _obey(self, frame: bytes) -> None:
        try:
            order: Order = order_decoder.decode(frame)
        except msgspec.DecodeError:
            logger.exception("an order that cannot be read")
            return
        if isinstance(order, Start):
            with self._lock:
                used = order.id in self._made
                self._made.setdefault(order.id, Made())
            if used:
                self._tell(Refused(order.id, "a used id"))
                return
        self._pool.submit(self._do, order)

    def _do(self, order: Order) -> None:
        try:
            match order:
                case Start():
                    self._start(order)
                case Pause(id) if container := self._container(id):
                    self._engine.pause(container)
                    self._tell(Paused(id))
                case Resume(id) if container := self._container(id):
                    self._engine.resume(container)
                    self._tell(Resumed(id))
                case End(id):
                    self._end(id)
                case Pause(id) | Resume(id):
                    self._tell(Refused(id, "no such container"))
        except (EngineUnavailable, EngineRefused) as error:
            self._tell(Refused(order.id, str(error)))
        except Exception:  # the edge of a thread
            logger.exception("an order failed")
            self._tell(Refused(order.id, "an inner error of the spawner"))

    def _start(self, order: Start) -> None:
        try:
            container, pid = self._engine.start(order)
        except BaseException:
            with self._lock:
                self._made.pop(order.id, None)
            raise
        with self._lock:
            made = self._made[order.id]
            made.container = container
            doomed = made.doomed
        self._tell(Started(order.id, pid))
        if doomed:
            self._engine.kill(container)

    def _container(self, id: str) -> str | None:
        with self._lock:
            made = self._made.get(id)
        return made.container if made is not None else None

    def _end(self, id: str) -> None:
        with self._lock:
            made = self._made.get(id)
            if made is None:
                return
            made.doomed = True
            container = made.container
        if container is not None:
            self._engine.kill(container)
            # Its death is also seen in the stream of events, if that is there just now.
            self._reap(id)

    def _reap(self, id: str) -> None:
        """Say once how a container ended, and remove it."""
        with self._lock:
            made = self._made.get(id)
            if made is None or made.container is None:
                return
            container = made.container
            del self._made[id]
        try:
            ending = self._engine.ending(container)
        except ContainerGone:
            ending = Ending(status=137, out_of_memory=False, detail="somebody removed it")
        except (EngineUnavailable, EngineRefused) as error:
            ending = Ending(status=137, out_of_memory=False, detail=str(error))
        self._tell(
            Exited(
                id,
                status=ending.status,
                out_of_memory=ending.out_of_memory,
                detail=ending.detail,
            )
        )
        try:
            self._engine.remove(container)
        except (EngineUnavailable, EngineRefused) as error:
            logger.warning("container of %s is left until the next start: %s", id, error)

    def _watch(self) -> None:
        """Clean up once, then follow deaths; begin again whenever the engine comes back."""
        clean = False
        told_down = False
        while not self._agent_gone.is_set():
            try:
                version = self._engine.version()
                if not clean:
                    self._remove_leftovers()
                    clean = True
                for id in self._engine.deaths():
                    if id:
                        self._pool.submit(self._reap, id)
                    else:
                        self._look_for_the_dead()
                        self._tell(Up(version))
                        told_down = False
            except (EngineUnavailable, EngineRefused) as error:
                if self._agent_gone.is_set():
                    return
                if not told_down:
                    self._tell(Down(str(error)))
                    told_down = True
                time.sleep(RETRY_S)
            except RuntimeError:
                # The pool takes no more: the agent is gone.
                return

    def _look_for_the_dead(self) -> None:
        alive = {
            id
            for id, (_, state) in self._engine.made_by_this_zone().items()
            if state in ("running", "paused", "created", "restarting")
        }
        with self._lock:
            known = [id for id, made in self._made.items() if made.container is not None]
        for id in known:
            if id not in alive:
                self._pool.submit(self._reap, id)

    def _remove_leftovers(self) -> None:
        left = self._engine.made_by_this_zone()
        for id, (container, _) in left.items():
            logger.info("removing %s, left by an earlier agent", id)
            # The agent before this one may be removing it at this moment.
            with contextlib.suppress(EngineRefused):
                self._engine.remove(container)

    def _clean_up(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        deadline = time.monotonic() + CLEAN_DEADLINE_S
        with self._lock:
            left = [made.container for made in self._made.values() if made.container is not None]
            self._made.clear()
        with ThreadPoolExecutor(THREADS) as removers:
            for container in left:
                removers.submit(self._remove, container, deadline)

    def _remove(self, container: str, deadline: float) -> None:
        if time.monotonic() > deadline:
            return
        try:
            self._engine.remove(container)
        except (EngineUnavailable, EngineRefused) as error:
            logger.warning("container %s is left until the next start: %s", container[:12], error)

    def _tell(self, event: Event) -> None:
        with self._sending, contextlib.suppress(OSError):
            # An agent that is gone is noticed where its orders are read.
            self._control.send(encoder.encode(event))


def configure_logging() -> None:
    """Log as GRIDFAAS_LOG_CONFIG says, else to stderr."""
    log_config = os.environ.get("GRIDFAAS_LOG_CONFIG")
    if log_config:
        logging.config.dictConfig(json.loads(Path(log_config).read_text()))
    else:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)


def main() -> None:
    """Run as `python -m zones.providers.docker.spawner --control-fd N --site JSON`."""
    parser = argparse.ArgumentParser(prog="python -m zones.providers.docker.spawner")
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--site", required=True)
    arguments = parser.parse_args()
    # The agent's to decide: a Ctrl-C in its terminal must not end calls in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logging()
    site = decode_site(arguments.site)
    control = socket.socket(fileno=arguments.control_fd)
    control.set_inheritable(False)
    Spawner(control, Engine(site)).run()


if __name__ == "__main__":
    main()
