"""What a worker in a container reads from the channel to its agent."""

import os
import socket
from dataclasses import dataclass
from typing import Literal

import msgspec

MAX_FRAME_BYTES = 4096


class AgentOrder(msgspec.Struct, frozen=True):
    """One order of the agent."""

    op: Literal["serve", "sleep", "drain"]


class Asleep(msgspec.Struct, frozen=True, tag_field="event", tag="asleep"):
    """Nothing is open but the channel."""


class ChannelError(Exception):
    """The agent said something out of turn, or nothing."""


@dataclass(frozen=True, slots=True)
class Received:
    """An order with what travelled with it."""

    op: str
    descriptors: tuple[int, ...]


def receive(channel: socket.socket) -> Received:
    """Read one order.

    Raises:
        ChannelError: the agent is gone, or its order cannot be read.
    """
    try:
        frame, descriptors, _, _ = socket.recv_fds(channel, 4096, 3)
        if not frame:
            raise ChannelError("the agent is gone")
        order = msgspec.msgpack.decode(frame, type=AgentOrder)
    except (OSError, msgspec.DecodeError) as error:
        raise ChannelError(f"no order: {error}") from error
    return Received(order.op, tuple(descriptors))


def take_over(order: Received) -> tuple[bytes, socket.socket]:
    """Return the configuration and the listening socket of a `serve`, and write to its log.

    Raises:
        ChannelError: another order, or one without its descriptors.
    """
    if order.op != "serve" or len(order.descriptors) < 2:
        raise ChannelError(f"{order.op} with {len(order.descriptors)} descriptors")
    config_fd, listener_fd, *log = order.descriptors
    with open(config_fd, "rb") as pipe:
        config = pipe.read()
    for log_fd in log:
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        os.close(log_fd)
    return config, socket.socket(fileno=listener_fd)
