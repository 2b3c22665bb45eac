"""One TCP connection over a link: a socket below, one above, and a flow either way."""

import asyncio
import contextlib
import socket
import struct
from typing import Protocol, cast

from zones.links.address import Address
from zones.links.alarms import Alarms, now
from zones.links.emulated_link import EmulatedLink
from zones.links.pump import Pump

READ_BYTES = 64 * 1024
# One for all sockets: it is filled and emptied in one step of the one event loop.
_READ = bytearray(READ_BYTES)
CONNECT_WITHIN_S = 10.0
GIVE_UP_S = 120.0
"""TCP breaks a connection that gets nothing through for so long (RFC 1122: at least 100 s)."""


class Owner(Protocol):
    """Who keeps count of connections."""

    def take(self, connection: "Connection") -> bool:
        """Tell whether there is room for a new one."""

    def gone(self, connection: "Connection", *, broken: bool) -> None:
        """Take notice that one has ended."""


class Side(asyncio.BufferedProtocol):
    """One socket of the connection."""

    def __init__(self, connection: "Connection", *, sends: Pump, receives: Pump) -> None:
        self._connection = connection
        self._sends = sends
        self._receives = receives
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing until both sockets are there."""
        # uvloop's transports are not asyncio's by class.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()
        self._sends.source = self._receives.sink = self.transport
        self._connection.made(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where to read to."""
        return _READ

    def buffer_updated(self, nbytes: int) -> None:
        """Let what was read enter the model."""
        self._sends.take(bytes(memoryview(_READ)[:nbytes]))

    def eof_received(self) -> bool:
        """Pass the end on; the other direction goes on."""
        self._sends.take_end()
        return True

    def pause_writing(self) -> None:
        """Hold back what arrives."""
        self._receives.block(True)

    def resume_writing(self) -> None:
        """Write again."""
        self._receives.block(False)

    def connection_lost(self, error: Exception | None) -> None:
        """End the other side, too."""
        self._connection.lost()


class Connection:
    """Made for each client; reaches for the target by itself as soon as a path is in use."""

    def __init__(
        self,
        link: EmulatedLink,
        *,
        owner: Owner,
        target: Address,
        alarms: Alarms,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._link = link
        self._owner = owner
        self._target = target
        self._alarms = alarms
        self._give_up_s = give_up_s
        self._flows = link.connect()
        self._pumps = up, down = [
            Pump(flow, alarms=alarms, on_done=self._end_if_done)
            for flow in (self._flows.up, self._flows.down)
        ]
        self.below = Side(self, sends=up, receives=down)
        self._above = Side(self, sends=down, receives=up)
        self._reaching: asyncio.Task[None] | None = None
        self._routed = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._over = False

    def made(self, side: Side) -> None:
        """Go on now that a socket is connected."""
        if side is self.below:
            if not self._owner.take(self):
                self._end(broken=False)
                return
            self.path_changed()
            self._reaching = asyncio.get_running_loop().create_task(self._reach())
        else:
            for pump in self._pumps:
                pump.arrange()

    def path_changed(self) -> None:
        """Go on over another path, or wait for one, but not for ever."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._link.choice.active is None:
            self._routed.clear()
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(self._give_up_s, self._give_up)
        else:
            self._routed.set()
        for pump in self._pumps:
            pump.arrange()

    def _end_if_done(self) -> None:
        """Close both sockets when both have said and got everything."""
        if all(pump.done for pump in self._pumps):
            self._end(broken=False)

    def lost(self) -> None:
        """Break what is left of a connection that lost a socket."""
        self._end(broken=True)

    def abort(self) -> None:
        """Break both sides; what is under way is lost."""
        self._end(broken=True)

    async def _reach(self) -> None:
        """Connect upwards: a round trip for the handshake, before which nothing is read."""
        await self._routed.wait()
        shaken = asyncio.Event()
        self._alarms.at(now() + self._link.round_trip_s(), shaken.set)
        await shaken.wait()
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: self._above, self._target.host, self._target.port
                )
        except (OSError, TimeoutError):
            self._end(broken=True)

    def _give_up(self) -> None:
        reached = self._above.transport is not None
        if not reached or any(pump.flow.waits for pump in self._pumps):
            self._end(broken=True)
        else:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(self._give_up_s, self._give_up)

    def _end(self, *, broken: bool) -> None:
        if self._over:
            return
        self._over = True
        if self._patience is not None:
            self._patience.cancel()
        for pump in self._pumps:
            pump.stop()
        self._link.disconnect(self._flows)
        for side in (self.below, self._above):
            if side.transport is None:
                continue
            if broken:
                reset(side.transport)
            else:
                side.transport.close()
        reaching, current = self._reaching, asyncio.current_task()
        if reaching is not None and reaching is not current:
            reaching.cancel()
        self._owner.gone(self, broken=broken)


def reset(transport: asyncio.Transport) -> None:
    """Close with a reset: an end in order would pass for the end of what was sent."""
    own = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
