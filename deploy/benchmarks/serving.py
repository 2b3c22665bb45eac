"""How a benchmark's helper process serves: until its standard input ends."""

import asyncio
import json
import sys
from collections.abc import Callable


async def serve_until_input_ends(
    connection: Callable[[], asyncio.Protocol], *, socket: str
) -> None:
    """Serve on the unix socket `socket` and a free port, and say both on a line of JSON."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_unix_server(connection, socket),
        await loop.create_server(connection, "127.0.0.1", 0),
    ]
    port = servers[1].sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"socket": socket, "port": port}) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        for server in servers:
            server.close()
