"""The zygote's events and orders as the agent reads and writes them (msgpack, one a message)."""

from typing import Literal

import msgspec

MAX_FRAME_BYTES = 4096


class Up(msgspec.Struct, frozen=True, tag_field="event", tag="up"):
    """Everything is imported; orders are obeyed from now on.

    `isolation` says in words how tenants' code will be held on this machine.
    """

    isolation: str = ""


class Forked(msgspec.Struct, frozen=True, tag_field="event", tag="forked"):
    """The worker exists."""

    id: str
    pid: int


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The worker serves."""

    id: str


class Load(msgspec.Struct, frozen=True, tag_field="event", tag="load"):
    """Requests in flight, and completed since the start."""

    id: str
    active: int
    calls: int


class Draining(msgspec.Struct, frozen=True, tag_field="event", tag="draining"):
    """The worker has met a limit and ends after its calls."""

    id: str


class Refused(msgspec.Struct, frozen=True, tag_field="event", tag="refused"):
    """There will be no such worker."""

    id: str
    detail: str


class Exited(msgspec.Struct, frozen=True, tag_field="event", tag="exited"):
    """The worker was reaped: an exit status, or the signal that ended it.

    `limit` names the limit that its parent saw it pass (an `EndReason`), empty for none.
    """

    id: str
    pid: int
    status: int | None
    signal: int | None
    limit: Literal["", "memory-limit", "process-limit", "disk-limit", "run-time-limit"] = ""


ZygoteEvent = Up | Forked | Ready | Draining | Load | Refused | Exited

event_decoder: msgspec.msgpack.Decoder[ZygoteEvent] = msgspec.msgpack.Decoder(ZygoteEvent)


def fork_order(instance: str) -> bytes:
    """Encode the order that travels with the configuration pipe and the pipe of the log."""
    return msgspec.msgpack.encode({"op": "fork", "id": instance})


def signal_order(instance: str, number: Literal[9, 15]) -> bytes:
    """Encode the order to signal a worker."""
    return msgspec.msgpack.encode({"op": "signal", "id": instance, "signal": number})


def describe_order() -> bytes:
    """Encode the order that travels with the write end of a pipe."""
    return msgspec.msgpack.encode({"op": "describe"})
