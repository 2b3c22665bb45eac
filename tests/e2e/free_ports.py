"""Ports for the gateways of a lab under test."""

import os
import socket


def free_ports(count: int) -> int:
    """Return the first of `count` neighbouring ports that nobody uses."""
    for first in range(20_000 + os.getpid() % 1000 * 10, 32_000, 10):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError("no free ports")
