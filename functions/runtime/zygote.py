"""A pre-imported, single-threaded process without credentials that forks workers on order."""

import argparse
import gc
import json
import logging
import logging.config
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from functions.runtime.confine import adopt_orphans, die_with, thread_count
from functions.runtime.containment import Containment, find_containment
from functions.runtime.counted import limit_of
from functions.runtime.limit_watch import LOOK_S, LimitWatch, end_orphans
from functions.runtime.preload import preload
from functions.runtime.protocol import (
    MAX_FRAME_BYTES,
    Contained,
    Describe,
    Draining,
    Fork,
    Load,
    Ready,
    Signal,
    encoder,
    order_decoder,
    report_decoder,
)
from functions.runtime.worker import run_worker, write_description

SEND_DEADLINE_S = 10.0
# A worker says one thing a second; code in it that says more waits for the next look.
REPORTS_A_LOOK = 64
EX_SOFTWARE = 70

logger = logging.getLogger("functions.runtime.zygote")


class AgentGone(Exception):
    """The control socket ended, or nobody reads it: workers must not outlive their agent."""


@dataclass(slots=True)
class Child:
    """A running worker as its parent holds it; `held` is None until it says how it is held.

    `said` counts its reports since the last look, `muted` tells that it said too many.
    """

    id: str
    pid: int
    pidfd: int
    reports: socket.socket
    held: Contained | None = None
    said: int = 0
    muted: bool = False


class Zygote:
    """Forks, signals and reaps workers; the control socket speaks `functions.runtime.protocol`."""

    def __init__(
        self, control: socket.socket, *, functions: Path, containment: Containment
    ) -> None:
        self._control = control
        self._containment = containment
        self._watch = LimitWatch(containment.cgroups)
        self._looked_at = 0.0
        self._functions = functions
        self._describers: dict[int, int] = {}
        self._control.settimeout(SEND_DEADLINE_S)
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._obey)

    def run(self) -> None:
        """Serve until the agent is gone, then kill and reap every worker."""
        try:
            self._tell(event="up", isolation=self._containment.description)
            while True:
                for key, _ in self._selector.select(
                    LOOK_S if self._children or self._watch.left else None
                ):
                    key.data()
                self._look()
        except AgentGone as reason:
            logger.info("zygote ends: %s", reason)
        finally:
            left = [*(child.pid for child in self._children.values()), *self._describers]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            for pid in left:
                os.waitpid(pid, 0)
            for child in self._children.values():
                self._watch.ended(child)
            self._watch.close()

    def _look(self) -> None:
        """About once a second: end the workers that have passed a limit, as told by the kernel."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._listen_again()
        for child in self._watch.over(self._children.values()):
            os.kill(child.pid, signal.SIGKILL)
        self._end_orphans()

    def _listen_again(self) -> None:
        for child in self._children.values():
            child.said = 0
            if child.muted:
                child.muted = False
                self._listen(child)

    def _listen(self, child: Child) -> None:
        self._selector.register(child.reports, selectors.EVENT_READ, lambda: self._relay(child))

    def _end_orphans(self) -> None:
        workers = [child.pid for child in self._children.values()]
        end_orphans(workers, others=self._describers)

    def _obey(self) -> None:
        try:
            frame, descriptors, _, _ = socket.recv_fds(self._control, MAX_FRAME_BYTES, 2)
        except OSError as error:
            raise AgentGone(str(error)) from error
        if not frame:
            raise AgentGone("the control socket is at its end")
        try:
            match order_decoder.decode(frame):
                case Fork(id) if descriptors and id not in self._children:
                    self._fork(id, descriptors[0], *descriptors[1:])
                case Fork(id):
                    self._tell(event="refused", id=id, detail="no configuration, or a used id")
                case Describe() if descriptors and not self._describers:
                    self._fork_describer(descriptors[0])
                case Describe():
                    logger.warning("a description without a pipe, or while another is written")
                case Signal(id, number) if id in self._children:
                    os.kill(self._children[id].pid, number)
                case Signal(id):
                    logger.debug("instance %s has ended before its signal", id)
        except msgspec.DecodeError:
            logger.exception("an order that cannot be read")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, id: str, config_fd: int, log_fd: int | None = None) -> None:
        if (threads := thread_count()) > 1:
            # A lock held by another thread would stay held for ever in the child.
            detail = f"the zygote has {threads} threads"
            logger.error("refused to fork: %s", detail)
            self._tell(event="refused", id=id, detail=detail)
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(
                name=id, config_fd=config_fd, log_fd=log_fd, reports=theirs, zygote=zygote
            )
        theirs.close()
        ours.setblocking(False)
        child = Child(id, pid, os.pidfd_open(pid), ours)
        self._children[id] = child
        self._listen(child)
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._reap(child))
        self._tell(event="forked", id=id, pid=pid)

    def _fork_describer(self, out_fd: int) -> None:
        if thread_count() > 1:
            return
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_describer(out_fd=out_fd, zygote=zygote)
        pidfd = os.pidfd_open(pid)
        self._describers[pid] = pidfd
        self._selector.register(pidfd, selectors.EVENT_READ, lambda: self._reap_describer(pid))

    def _reap_describer(self, pid: int) -> None:
        os.waitpid(pid, 0)
        pidfd = self._describers.pop(pid)
        self._selector.unregister(pidfd)
        os.close(pidfd)

    def _become_describer(self, *, out_fd: int, zygote: int) -> NoReturn:
        status = EX_SOFTWARE
        try:
            self._let_go()
            write_description(out_fd=out_fd, functions=self._functions, zygote=zygote)
            status = 0
        except BaseException:  # the edge of the process
            logger.exception("the functions are not described")
        finally:
            logging.shutdown()
            os._exit(status)

    def _let_go(self) -> None:
        """Close what a child must not hold, by its owners: a late finalizer would close a reused
        number."""
        self._selector.close()
        self._control.close()
        for sibling in self._children.values():
            sibling.reports.close()

    def _become_worker(
        self,
        *,
        name: str,
        config_fd: int,
        log_fd: int | None,
        reports: socket.socket,
        zygote: int,
    ) -> NoReturn:
        status = EX_SOFTWARE
        try:
            self._let_go()
            # So that what it starts can be told from what others did.
            os.setsid()
            if log_fd is not None:
                os.dup2(log_fd, 1)
                os.dup2(log_fd, 2)
            run_worker(
                name=name,
                config_fd=config_fd,
                reports=reports,
                zygote=zygote,
                containment=self._containment,
            )
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else EX_SOFTWARE
        except BaseException as error:  # the edge of the process
            limit = limit_of(error)
            status = EX_SOFTWARE if limit is None else limit.value
            logger.exception("worker ends by an error")
        finally:
            logging.shutdown()
            os._exit(status)

    def _relay(self, child: Child) -> None:
        """Pass one report on; what a worker says is believed of its own instance only."""
        if self._children.get(child.id) is not child:
            # It was reaped in this very round.
            return
        child.said += 1
        if child.said > REPORTS_A_LOOK:
            # What it started may go on speaking after its end: nobody may keep the others waiting.
            child.muted = True
            self._selector.unregister(child.reports)
            return
        try:
            frame = child.reports.recv(MAX_FRAME_BYTES)
            if not frame:
                self._selector.unregister(child.reports)
                return
            report = report_decoder.decode(frame)
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("instance %s: unreadable report: %s", child.id, error)
            self._selector.unregister(child.reports)
            return
        match report:
            case Contained():
                # Later ones are a tenant's own words.
                child.held = child.held or report
            case Ready():
                child.held = child.held or Contained(grouped=False, disk="")
                self._tell(event="ready", id=child.id)
            case Draining():
                self._tell(event="draining", id=child.id)
            case Load(active, calls):
                self._tell(event="load", id=child.id, active=active, calls=calls)

    def _reap(self, child: Child) -> None:
        _, wait_status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(wait_status)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        while child.reports in self._selector.get_map():
            self._relay(child)
        child.reports.close()
        del self._children[child.id]
        limit = self._watch.ended(child)
        self._end_orphans()
        self._tell(
            event="exited",
            id=child.id,
            pid=child.pid,
            status=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            limit=limit,
        )

    def _tell(self, **event: object) -> None:
        try:
            self._control.send(encoder.encode(event))
        except OSError as error:
            raise AgentGone(str(error)) from error


def main() -> None:
    """Run as `python -m functions.runtime.zygote --control-fd N --functions FOLDER`."""
    parser = argparse.ArgumentParser(prog="python -m functions.runtime.zygote")
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--functions", type=Path, required=True)
    arguments = parser.parse_args()
    agent = os.getppid()
    die_with(agent)
    # The agent's to decide: a Ctrl-C in its terminal must not end calls in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_config = os.environ.get("GRIDFAAS_LOG_CONFIG")
    if log_config:
        logging.config.dictConfig(json.loads(Path(log_config).read_text()))
    else:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    adopt_orphans()
    gc.disable()
    preload(arguments.functions)
    gc.collect()
    # A collection in a child would write to, and so copy, every page it shares with the zygote.
    gc.freeze()
    control = socket.socket(fileno=arguments.control_fd)
    control.set_inheritable(False)
    containment = find_containment()
    Zygote(control, functions=arguments.functions, containment=containment).run()


if __name__ == "__main__":
    main()
