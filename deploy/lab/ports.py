"""Whether the gateways' ports are free, asked before anything is started."""

import socket
from collections.abc import Iterable

from deploy.lab.failure import LabFailure

HOST = "127.0.0.1"


class PortTaken(LabFailure):
    """Somebody else listens where a gateway has to."""


def require_free(ports: Iterable[tuple[str, int]]) -> None:
    """Raise PortTaken for the first (what is to listen there, port) that cannot be bound."""
    for what, port in ports:
        with socket.socket() as probe:
            # As the gateway does: connections of an earlier run may still be in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise PortTaken(
                    f"{HOST}:{port}, {what}, cannot be used: {error.strerror}; "
                    "end what listens there, or choose others with --first-port"
                ) from error
