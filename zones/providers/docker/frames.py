"""What agent and spawner say to each other (msgpack, one a message on SOCK_SEQPACKET).

agent -> spawner   start, pause, resume, end
spawner -> agent   up, down, started, refused, paused, resumed, exited

The orders are the whole of what the agent can ask for: no image, command, mount, capability or
option of the engine is among them.
"""

from typing import Annotated

import msgspec

MAX_FRAME_BYTES = 8192

Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
Label = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
# Below it are the machine's own users; root is none of ours.
Uid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Start(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="start"):
    """Create and start a container; memory and disk in MiB, `cpu` in cores."""

    id: Id
    tenant: Label
    function: Label
    version: Annotated[int, msgspec.Meta(ge=0)]
    uid: Uid
    gid: Uid
    memory_mb: Annotated[int, msgspec.Meta(ge=0, le=1_048_576)]
    cpu: Annotated[float, msgspec.Meta(gt=0, le=1024)]
    pids: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    disk_mb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)]
    folder: str | None = None
    env: str | None = None


class Pause(msgspec.Struct, frozen=True, tag_field="op", tag="pause"):
    """Freeze a container."""

    id: Id


class Resume(msgspec.Struct, frozen=True, tag_field="op", tag="resume"):
    """Let a frozen container go on."""

    id: Id


class End(msgspec.Struct, frozen=True, tag_field="op", tag="end"):
    """Kill a container, frozen or not; `exited` follows. An unknown one is no error."""

    id: Id


class Up(msgspec.Struct, frozen=True, tag_field="event", tag="up"):
    """The engine answers, and nothing of an earlier agent of this zone is left on it."""

    engine: str


class Down(msgspec.Struct, frozen=True, tag_field="event", tag="down"):
    """The engine does not answer; `up` follows once it does."""

    detail: str


class Started(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """The container runs; `pid` as the host counts."""

    id: str
    pid: int


class Refused(msgspec.Struct, frozen=True, tag_field="event", tag="refused"):
    """There is no such container, or none any more."""

    id: str
    detail: str


class Paused(msgspec.Struct, frozen=True, tag_field="event", tag="paused"):
    """The container is frozen."""

    id: str


class Resumed(msgspec.Struct, frozen=True, tag_field="event", tag="resumed"):
    """The container goes on."""

    id: str


class Exited(msgspec.Struct, frozen=True, tag_field="event", tag="exited"):
    """The container ended and is removed; `detail` is the end of what it wrote before its task."""

    id: str
    status: int
    out_of_memory: bool
    detail: str


Order = Start | Pause | Resume | End
Event = Up | Down | Started | Refused | Paused | Resumed | Exited

order_decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
encoder = msgspec.msgpack.Encoder()
