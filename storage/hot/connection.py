"""The way to a zone's Redis: few connections, a deadline on each call, errors in our own words."""

import asyncio
from collections.abc import Sequence
from typing import Final

import hiredis

from storage.hot.address import Address
from storage.hot.command import Argument, pack_command
from storage.hot.line import LineLost, RedisLine
from storage.ports import StoreFull, StoreUnavailable

RETRY_AFTER_S: Final = 5
_FULL: Final = ("STOREFULL", "OOM", "MISCONF")
# A server that restarted may answer before its users and functions are provisioned again.
_NOT_YET: Final = ("WRONGPASS", "NOAUTH", "LOADING", "READONLY")


class CommandRefused(Exception):
    """The server refused a command for what it says; sending it again changes nothing."""


class PlacesMoved(CommandRefused):
    """The places that the call went by were given anew; nothing was read or written."""


class HotConnection:
    """Connections of one Redis user; safe to share between tasks of one loop."""

    def __init__(self, address: Address, *, max_connections: int, deadline_s: float) -> None:
        """Use `connect` instead."""
        self._address = address
        self._deadline_s = deadline_s
        self._idle: list[RedisLine] = []
        self._busy: set[RedisLine] = set()
        self._places = asyncio.Semaphore(max_connections)

    async def call(
        self, *command: Argument | Sequence[Argument], deadline_s: float | None = None
    ) -> object:
        """Send one command, return its reply as bytes, int, list or None; never send it twice.

        A sequence among the arguments is spread out. `deadline_s` replaces the connection's own,
        and counts the wait for a free connection, too.

        Raises:
            StoreFull: nothing was written, the server or a bound of ours has no room.
            StoreUnavailable: no connection or no answer in time; it may have been carried out.
            PlacesMoved: see there.
            CommandRefused: the server answers with any other error.
        """
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        return (await self._answered(pack_command(command), 1, limit_s))[0]

    async def call_all(self, packed: Sequence[bytes]) -> list[object]:
        """Send packed commands one after another, without a wait between; return their replies.

        Commands of others may come between them. Deadline and errors are as of `call`, of the
        first command that was refused; those after it were carried out nonetheless.
        """
        return await self._answered(b"".join(packed), len(packed), self._deadline_s)

    async def aclose(self) -> None:
        """Close every connection; calls under way fail."""
        lines = [*self._idle, *self._busy]
        self._idle.clear()
        for line in lines:
            line.close()
        for line in lines:
            await line.wait_closed()

    async def _answered(self, packed: bytes, count: int, limit_s: float) -> list[object]:
        try:
            async with asyncio.timeout(limit_s):
                replies = await self._exchange(packed, count)
        except TimeoutError as error:
            raise StoreUnavailable(f"the hot store gave no answer within {limit_s} s") from error
        except LineLost as error:
            raise StoreUnavailable(f"the hot store did not answer: {error}") from error
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise _translated(reply)
        return replies

    async def _exchange(self, packed: bytes, count: int) -> list[object]:
        async with self._places:
            line = self._kept() or await self._open()
            self._busy.add(line)
            try:
                return await line.ask(packed, replies=count)
            finally:
                self._busy.discard(line)
                if line.usable:
                    self._idle.append(line)
                else:
                    # Its answer may still arrive: nobody else may read it as theirs.
                    line.close()

    def _kept(self) -> RedisLine | None:
        while self._idle:
            # The youngest first: the others may rest until their server closes them.
            line = self._idle.pop()
            if line.usable:
                return line
        return None

    async def _open(self) -> RedisLine:
        try:
            line = await self._address.open(RedisLine)
        except OSError as error:
            raise StoreUnavailable(f"the hot store cannot be reached: {error}") from error
        try:
            for command in self._address.introduction():
                (reply,) = await line.ask(pack_command(command))
                if isinstance(reply, hiredis.ReplyError):
                    raise StoreUnavailable(f"the hot store does not let this user in: {reply}")
        except BaseException:
            line.close()
            raise
        return line


def connect(redis_url: str, *, max_connections: int = 8, deadline_s: float = 5.0) -> HotConnection:
    """Prepare connections for the user that `redis_url` names; they open on first use.

    A call waits for a free connection within its own deadline when all are busy.

    Raises:
        UrlRefused: the URL names no Redis.
    """
    return HotConnection(
        Address.of(redis_url), max_connections=max_connections, deadline_s=deadline_s
    )


def _translated(error: Exception) -> Exception:
    text = str(error)
    if text.startswith(_FULL):
        return StoreFull(retry_after_s=RETRY_AFTER_S, what="the hot store")
    if text.startswith(_NOT_YET) or "Function not found" in text:
        return StoreUnavailable(f"the hot store is not ready for this user: {text}")
    return PlacesMoved(text) if text.startswith("PLACESMOVED") else CommandRefused(text)
