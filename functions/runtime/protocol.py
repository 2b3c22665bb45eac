"""The frames between agent, zygote and worker, over SOCK_SEQPACKET: one message, one frame.

agent -> zygote   {"op": "fork", "id"} with the read end of the configuration pipe as SCM_RIGHTS,
                  and the write end of a pipe for stdout and stderr if there is one;
                  {"op": "signal", "id", "signal"};
                  {"op": "describe"} with the write end of a pipe for what `describe` returns
zygote -> agent   {"event": "up", "isolation"}; {"event": "forked", "id", "pid"};
                  {"event": "ready", "id"}; {"event": "draining", "id"};
                  {"event": "load", "id", "active", "calls"}; {"event": "refused", "id", "detail"};
                  {"event": "exited", "id", "pid", "status", "signal", "limit"}
worker -> zygote  {"event": "contained", "grouped", "disk"}; {"event": "ready"};
                  {"event": "load", "active", "calls"}; {"event": "draining"}

`active` is the number of requests in flight, `calls` those completed since the start.
`status` is the exit status or None, `signal` the signal that ended it or None, `limit` the limit
that the zygote saw it pass, or empty.
"""

from typing import Literal

import msgspec

MAX_FRAME_BYTES = 4096


class Fork(msgspec.Struct, frozen=True, tag_field="op", tag="fork"):
    """Start an instance; the configuration pipe travels with the frame."""

    id: str


class Signal(msgspec.Struct, frozen=True, tag_field="op", tag="signal"):
    """Send a signal to an instance; one that has ended already is no error."""

    id: str
    signal: Literal[9, 15]


class Describe(msgspec.Struct, frozen=True, tag_field="op", tag="describe"):
    """Write the functions' OpenAPI documents into the pipe that travels with the frame."""


class Contained(msgspec.Struct, frozen=True, tag_field="event", tag="contained"):
    """Sent before any code of a tenant runs, and believed only then.

    `grouped` says whether the worker is in control groups of its own, `disk` names the one folder
    that it can write to, empty when there is no such bound.
    """

    grouped: bool
    disk: str


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The lifespan has started and the socket is served."""


class Draining(msgspec.Struct, frozen=True, tag_field="event", tag="draining"):
    """The worker has met a limit: it finishes its calls and ends; no more should be sent to it."""


class Load(msgspec.Struct, frozen=True, tag_field="event", tag="load"):
    """Sent about once a second while it changes."""

    active: int
    calls: int


Order = Fork | Signal | Describe
Report = Contained | Ready | Draining | Load

order_decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
report_decoder: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)
encoder = msgspec.msgpack.Encoder()
