"""Whether a Docker engine listens where this process would look for one."""

import os
import socket
from typing import Final
from urllib.parse import urlsplit

USUAL: Final = "unix:///var/run/docker.sock"
DEADLINE_S: Final = 5.0


def why_no_engine() -> str | None:
    """Say why there is no engine to talk to; None if something listens at its address.

    The address is DOCKER_HOST's, else the usual socket. Asked before the SDK is, which leaves a
    socket open when nobody listens.
    """
    address = os.environ.get("DOCKER_HOST") or USUAL
    parts = urlsplit(address)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(DEADLINE_S)
                probe.connect(parts.path)
        elif parts.hostname is not None:
            socket.create_connection((parts.hostname, parts.port or 2375), DEADLINE_S).close()
        else:
            return f"DOCKER_HOST is {address!r}, which is no address"
    except (OSError, ValueError) as error:
        return f"no Docker engine at {address}: {error}"
    return None
