"""Moves one direction of a connection: what is read enters the model, what is due is written."""

import asyncio
from collections.abc import Callable

from zones.links.alarms import SLACK_S, Alarm, Alarms, now
from zones.links.flow import NEVER, Flow


class Pump:
    """Reads from `source`, writes to `sink`; pauses either in place of buffering without bound."""

    def __init__(self, flow: Flow, *, alarms: Alarms, on_done: Callable[[], None]) -> None:
        """`on_done` is called when the end of the stream has been passed on."""
        self.flow = flow
        self._alarms = alarms
        self._on_done = on_done
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.done = False
        """Whether the end of the stream has been passed on."""
        self._ended = False
        self._blocked = False
        self._reading = False
        self._timer: Alarm | None = None
        self._timer_at = NEVER

    def take(self, data: bytes) -> None:
        """Take bytes that the source has sent."""
        self.flow.enter(now(), data)
        self.arrange()

    def take_end(self) -> None:
        """Take the end of what the source sends."""
        if not self._ended:
            self._ended = True
            self.flow.enter_end(now())
            self.arrange()

    def block(self, blocked: bool) -> None:
        """Hold back while the sink's own buffer is full."""
        self._blocked = blocked
        self.arrange()

    def arrange(self) -> None:
        """Write what is due, then see to reading and to the next timer."""
        if self.sink is None or self.source is None or self.sink.is_closing():
            return
        if not self._blocked:
            for piece in self.flow.take_due(now() + SLACK_S):
                if piece.end:
                    self.done = True
                    self.sink.write_eof()
                else:
                    self.sink.write(piece.data)
        self._read(self.flow.has_room and not self._ended)
        self._wake_at(NEVER if self._blocked else self.flow.next_at)
        if self.done:
            self._on_done()

    def stop(self) -> None:
        """Do nothing any more."""
        self._wake_at(NEVER)
        self.source = self.sink = None

    def _read(self, wanted: bool) -> None:
        if self.source is None or self.source.is_closing() or wanted == self._reading:
            return
        self._reading = wanted
        if wanted:
            self.source.resume_reading()
        elif not self._ended:
            self.source.pause_reading()

    def _wake_at(self, at: float) -> None:
        if self._timer is not None:
            if at == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at < NEVER:
            self._timer = self._alarms.at(at, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.arrange()
