"""The agent's private line to one container: a unix socket in a folder that only the two share.

Frames as between worker and zygote (functions/runtime/protocol.py), and in the other direction
  {"op": "serve"} with configuration pipe, listening socket and perhaps a log pipe as SCM_RIGHTS;
  {"op": "sleep"}: close everything, answer {"event": "asleep"}, wait for the next "serve";
  {"op": "drain"}: finish the calls in flight and end.
The line's end ends the container's process: nothing outlives its agent unseen.
"""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

MAX_FRAME_BYTES = 4096


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The worker serves the listening socket that it was given."""


class LimitMet(msgspec.Struct, frozen=True, tag_field="event", tag="draining"):
    """The worker has met a limit and ends after its calls."""


class Load(msgspec.Struct, frozen=True, tag_field="event", tag="load"):
    """Requests in flight, and completed since the start."""

    active: int
    calls: int


class Asleep(msgspec.Struct, frozen=True, tag_field="event", tag="asleep"):
    """Nothing is open any more: the container can be frozen."""


Report = Ready | LimitMet | Load | Asleep

_report_decoder: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)
_encoder = msgspec.msgpack.Encoder()


class ChannelBroken(Exception):
    """The container does not read its line."""


class Channel:
    """Listens from the start; the first to connect is the container, and nobody after it."""

    def __init__(
        self,
        folder: Path,
        *,
        joined: Callable[[], None],
        heard: Callable[[Report], None],
        ended: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._joined = joined
        self._heard = heard
        self._ended = ended
        self._line: socket.socket | None = None
        folder.mkdir()
        # Whatever the umask: in the container it is passed with another uid.
        folder.chmod(0o711)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = folder / "channel"
        try:
            self._listener.bind(str(path))
            # The folders above are closed to everybody else; in here it has another uid.
            path.chmod(0o666)
            self._listener.listen(1)
            self._listener.setblocking(False)
        except OSError:
            self.close()
            raise
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    @property
    def open(self) -> bool:
        """Whether the container is on the line."""
        return self._line is not None

    def send(self, op: str, descriptors: Sequence[int] = ()) -> None:
        """Send one order.

        Raises:
            ChannelBroken: nobody is on the line, or it does not take it.
        """
        if self._line is None:
            raise ChannelBroken("the container has not called")
        try:
            socket.send_fds(self._line, [_encoder.encode({"op": op})], descriptors)
        except OSError as error:
            raise ChannelBroken(f"the container does not read: {error}") from error

    def close(self) -> None:
        """Hang up and remove the folder; `ended` is not called."""
        self._stop_listening()
        self._hang_up()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        try:
            line, _ = self._listener.accept()
        except BlockingIOError:
            return
        self._stop_listening()
        line.setblocking(False)
        self._line = line
        asyncio.get_running_loop().add_reader(line.fileno(), self._read)
        self._joined()

    def _read(self) -> None:
        if self._line is None:
            return
        try:
            frame = self._line.recv(MAX_FRAME_BYTES)
            report = _report_decoder.decode(frame) if frame else None
        except BlockingIOError:
            return
        except (OSError, msgspec.DecodeError):
            # What comes from inside the container may be anything; its line is cut.
            report = None
        if report is None:
            self._hang_up()
            self._ended()
        else:
            self._heard(report)

    def _hang_up(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            self._line.close()
            self._line = None

    def _stop_listening(self) -> None:
        if self._listener.fileno() >= 0:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            with contextlib.suppress(OSError):
                os.unlink(self._folder / "channel")


def bound_listener(path: Path, *, backlog: int = 1024) -> socket.socket:
    """Bind a worker's HTTP socket as its owner's alone (0600): only the gateway's user connects."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
