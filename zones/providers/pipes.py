"""What passes between agent and children through a pipe: one whole content, then its end."""

import asyncio
import os

from zones.providers.port import LaunchRefused

_PIECE = 256 * 1024


class ConfigTooLarge(LaunchRefused):
    """The configuration does not fit a pipe's buffer, so writing it could block for ever."""


class ContentTooLarge(Exception):
    """More came through the pipe than was allowed."""


def pipe_holding(content: bytes) -> int:
    """Return the read end of a pipe with `content` in it, and its end after that.

    Raises:
        ConfigTooLarge: more than a pipe's buffer, usually 64 KiB.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        written = os.write(writer, content)
    except BlockingIOError:
        written = 0
    finally:
        os.close(writer)
    if written < len(content):
        os.close(reader)
        raise ConfigTooLarge(f"{len(content)} bytes of configuration")
    os.set_blocking(reader, True)
    return reader


async def read_to_end(reader: int, *, limit: int) -> bytes:
    """Read a pipe until every writer has closed it; the caller closes `reader` afterwards.

    Raises:
        ContentTooLarge: more than `limit` bytes came.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    content = bytearray()
    os.set_blocking(reader, False)

    def readable() -> None:
        try:
            piece = os.read(reader, _PIECE)
        except BlockingIOError:
            return
        content.extend(piece)
        if ended.done():
            return
        if len(content) > limit:
            ended.set_exception(ContentTooLarge(f"more than {limit} bytes"))
        elif not piece:
            ended.set_result(None)

    loop.add_reader(reader, readable)
    try:
        await ended
    finally:
        loop.remove_reader(reader)
    return bytes(content)
