"""A link in the path: a TCP listener below, the parent's address above, the model in between."""

import asyncio

from zones.links.address import Address
from zones.links.alarms import Alarm, Alarms, now
from zones.links.connection import GIVE_UP_S, Connection
from zones.links.emulated_link import EmulatedLink
from zones.links.medium import Direction, Line

MOST_CONNECTIONS = 512
BACKLOG = 128


class Relay:
    """One link. A cut is silent, as on a real line: connections stay and nothing arrives."""

    def __init__(
        self,
        link: EmulatedLink,
        *,
        target: Address,
        most_connections: int = MOST_CONNECTIONS,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self.link = link
        self.refused = 0
        """Connections turned away because there were too many."""
        self.broken = 0
        """Connections that ended by a reset, a failed connect, `break_all` or a long outage."""
        self._target = target
        self._most = most_connections
        self._give_up_s = give_up_s
        self._server: asyncio.Server | None = None
        self._open: dict[Connection, None] = {}
        self._alarms: Alarms | None = None
        self._timer: Alarm | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return len(self._open)

    async def start(self, listen: Address) -> None:
        """Listen; OSError when that is impossible."""
        self._alarms = Alarms()
        self._server = await asyncio.get_running_loop().create_server(
            self._connection, listen.host, listen.port, backlog=BACKLOG
        )

    async def stop(self) -> None:
        """Stop listening and break what is open."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        self.break_all()
        if self._alarms is not None:
            self._alarms.close()
        if self._server is not None:
            await self._server.wait_closed()

    def fail(self, path: str) -> None:
        """Cut a path; UnknownPath when there is none of that name."""
        self.link.fail(path, now())
        self._changed()

    def restore(self, path: str) -> None:
        """Mend a path; UnknownPath when there is none of that name."""
        self.link.restore(path, now())
        self._changed()

    def change(self, path: str, direction: Direction, line: Line) -> None:
        """Give a direction of a path other figures; UnknownPath when there is no such path."""
        self.link.change(path, direction, line)

    def break_all(self) -> int:
        """Break every connection, as when a router restarts; return how many."""
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        return len(connections)

    def take(self, connection: Connection) -> bool:
        """Count a new connection; False when there are too many."""
        if len(self._open) >= self._most:
            self.refused += 1
            return False
        self._open[connection] = None
        return True

    def gone(self, connection: Connection, *, broken: bool) -> None:
        """Take notice that a connection has ended."""
        if connection in self._open:
            del self._open[connection]
            self.broken += broken

    def _connection(self) -> asyncio.BaseProtocol:
        assert self._alarms is not None
        return Connection(
            self.link,
            owner=self,
            target=self._target,
            alarms=self._alarms,
            give_up_s=self._give_up_s,
        ).below

    def _changed(self) -> None:
        """Wake every connection, and come back when the next change is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.link.choice.next_change
        if at is not None and self._alarms is not None:
            self._timer = self._alarms.at(at, self._change_due)
        for connection in list(self._open):
            connection.path_changed()

    def _change_due(self) -> None:
        # An alarm may ring a little early.
        self._timer = None
        self.link.advance(max(now(), self.link.choice.next_change or 0.0))
        self._changed()
