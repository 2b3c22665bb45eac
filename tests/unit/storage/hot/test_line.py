"""A line to a Redis without the Redis: what it does with replies and with losses."""

import asyncio
from typing import cast

import hiredis
import pytest

from storage.hot.line import LineLost, RedisLine


class Wire:
    """The other end's view of a transport."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def abort(self) -> None:
        self.aborted = True


def line_on(wire: Wire) -> RedisLine:
    line = RedisLine()
    line.connection_made(cast(asyncio.Transport, wire))
    return line


async def asked(line: RedisLine, *, replies: int = 1) -> asyncio.Task[list[object]]:
    task = asyncio.create_task(line.ask(b"PING", replies=replies))
    await asyncio.sleep(0)
    return task


async def test_a_reply_in_pieces_is_one_reply() -> None:
    wire = Wire()
    line = line_on(wire)
    task = await asked(line)
    assert not line.usable
    for piece in (b"*2\r\n$2\r", b"\nab\r\n:", b"7\r\n"):
        line.data_received(piece)

    assert await task == [[b"ab", 7]]
    assert wire.sent == [b"PING"]
    assert line.usable


async def test_several_replies_come_in_their_order() -> None:
    line = line_on(Wire())
    task = await asked(line, replies=3)
    line.data_received(b":1\r\n-ERR no\r\n$1")
    assert not task.done()
    line.data_received(b"\r\nx\r\n")

    first, second, third = await task
    assert (first, str(second), third) == (1, "ERR no", b"x")
    assert line.usable


async def test_a_reply_too_many_ends_the_line() -> None:
    wire = Wire()
    line = line_on(wire)
    task = await asked(line)
    line.data_received(b"+one\r\n+two\r\n")

    assert await task == [b"one"]
    assert wire.aborted
    assert not line.usable


async def test_an_error_is_a_reply_too() -> None:
    line = line_on(Wire())
    task = await asked(line)
    line.data_received(b"-STOREFULL no room\r\n")

    (reply,) = await task
    assert isinstance(reply, hiredis.ReplyError)
    assert str(reply) == "STOREFULL no room"
    assert line.usable


@pytest.mark.parametrize("data", [b"+late\r\n", b"rubbish\r\n"])
async def test_what_nobody_asked_for_ends_the_line(data: bytes) -> None:
    wire = Wire()
    line = line_on(wire)
    line.data_received(data)

    assert wire.aborted
    assert not line.usable


async def test_a_command_that_was_left_spoils_its_line() -> None:
    wire = Wire()
    line = line_on(wire)
    task = await asked(line)
    task.cancel()
    await asyncio.wait({task})

    assert not line.usable
    line.data_received(b"+too late\r\n")
    assert wire.aborted


async def test_a_lost_line_says_so_to_who_waits_and_to_the_next() -> None:
    line = line_on(Wire())
    task = await asked(line)
    line.connection_lost(ConnectionResetError("reset"))

    with pytest.raises(LineLost, match="reset"):
        await task
    with pytest.raises(LineLost):
        await line.ask(b"PING")


async def test_a_server_that_speaks_something_else() -> None:
    wire = Wire()
    line = line_on(wire)
    task = await asked(line)
    line.data_received(b"HTTP/1.1 400 Bad Request\r\n")

    with pytest.raises(LineLost, match="does not speak"):
        await task
    assert wire.aborted
