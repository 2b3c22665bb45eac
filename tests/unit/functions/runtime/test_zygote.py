import os
import selectors
import socket
from pathlib import Path

from functions.runtime.containment import Containment
from functions.runtime.protocol import Draining, encoder
from functions.runtime.zygote import REPORTS_A_LOOK, Child, Zygote

TOO_MANY = REPORTS_A_LOOK + 20


def frames(agent: socket.socket) -> int:
    agent.setblocking(False)
    count = 0
    while True:
        try:
            agent.recv(4096)
        except BlockingIOError:
            return count
        count += 1


def test_a_worker_that_reports_without_end_is_heard_a_bounded_number_of_times() -> None:
    agent, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    held = Containment(cgroups=None, calls=None, read_only=False)
    with agent, control, ours, theirs:
        ours.setblocking(False)
        zygote = Zygote(control, functions=Path("/nonexistent"), containment=held)
        child = Child("f-1", os.getpid(), -1, ours)
        zygote._children[child.id] = child
        zygote._listen(child)
        for _ in range(TOO_MANY):
            theirs.send(encoder.encode(Draining()))

        while child.reports in zygote._selector.get_map():
            zygote._relay(child)

        assert frames(agent) == REPORTS_A_LOOK
        zygote._listen_again()
        assert zygote._selector.get_key(ours).events == selectors.EVENT_READ
        zygote._relay(child)
        assert frames(agent) == 1
        zygote._selector.close()


def test_what_a_reaped_worker_said_is_passed_over() -> None:
    agent, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    held = Containment(cgroups=None, calls=None, read_only=False)
    with agent, control, theirs:
        zygote = Zygote(control, functions=Path("/nonexistent"), containment=held)
        ours.close()

        zygote._relay(Child("f-1", os.getpid(), -1, ours))

        assert frames(agent) == 0
        zygote._selector.close()
