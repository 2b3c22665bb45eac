"""The TCP socket on which a gateway listens, bound before anything else is started."""

import os
import socket

BACKLOG = 2048


class AddressUnusable(Exception):
    """The address cannot be listened on; the text says why in one line."""


def bind_listener(host: str, port: int) -> socket.socket:
    """Bind and return the socket.

    Raises:
        AddressUnusable: the port is taken, or the host is none of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    except socket.gaierror as error:
        raise AddressUnusable(f"{host!r} is no address to listen on: {error.strerror}") from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise AddressUnusable(f"cannot listen on {host}:{port}: {reason}") from error
