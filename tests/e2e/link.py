"""A link between a zone and its parent: a TCP relay that a test can cut, stall and spy on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.uplink_posts import UplinkPosts

CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class _Hold:
    """An answer of the parent's that is to be held back."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """Relays connections to the parent's port; `port` is where the child calls.

    Cut: connections break, and new ones are closed at once. Stalled: they stay, but nothing
    moves, as when packets vanish. Bytes that were read before a cut may be lost with it.
    """

    def __init__(self, parent_port: int) -> None:
        self._parent_port = parent_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._up = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._waiting: list[asyncio.Future[None]] = []
        self._hold: _Hold | None = None

    @property
    def port(self) -> int:
        """Where the child reaches its parent."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._up = False
        self._break()

    def stall(self) -> None:
        """Let nothing through, without breaking anything."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self._up = True
        self._flowing.set()

    async def uplink_passed(self) -> None:
        """Return as soon as the parent has been sent one more whole uplink request."""
        passed = asyncio.get_running_loop().create_future()
        self._waiting.append(passed)
        try:
            await passed
        finally:
            if passed in self._waiting:
                self._waiting.remove(passed)

    @asynccontextmanager
    async def uplink_answered(self, *, lose: bool) -> AsyncIterator[None]:
        """Hold back the parent's next answer to an uplink request for the length of the block.

        The block begins when the answer is here: the parent has taken the entries, and the child
        does not know. At the end the answer goes on, or is lost with every connection.
        """
        hold = self._hold = _Hold()
        try:
            await hold.arrived.wait()
            yield
        finally:
            if lose:
                self._break()
            hold.released.set()
            self._hold = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Listen for the length of a block."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield
        finally:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    def _break(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                if self._up:
                    await self._relay(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _relay(self, child: asyncio.StreamReader, to_child: asyncio.StreamWriter) -> None:
        parent, to_parent = await asyncio.open_connection("127.0.0.1", self._parent_port)
        self._writers.add(to_parent)
        posts = UplinkPosts()
        try:
            async with asyncio.TaskGroup() as group:
                up = group.create_task(self._carry_up(child, to_parent, posts))
                down = group.create_task(self._carry_down(parent, to_child, posts))
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                down.cancel()
        finally:
            self._writers.discard(to_parent)
            to_parent.transport.abort()

    async def _carry_up(
        self, child: asyncio.StreamReader, parent: asyncio.StreamWriter, posts: UplinkPosts
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await child.read(CHUNK_BYTES):
                await self._flowing.wait()
                parent.write(data)
                await parent.drain()
                if posts.passed(data):
                    for passed in self._waiting:
                        passed.set_result(None)
                    self._waiting.clear()

    async def _carry_down(
        self, parent: asyncio.StreamReader, child: asyncio.StreamWriter, posts: UplinkPosts
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await parent.read(CHUNK_BYTES):
                await self._flowing.wait()
                answers = posts.answered()
                if answers and (hold := self._hold) is not None:
                    hold.arrived.set()
                    await hold.released.wait()
                child.write(data)
                await child.drain()
