"""Is a GET answered 200? For health checks: `python -I -S probe.py unix:PATH|tcp:PORT /path`.

Needs so little of the standard library that it is over in a few milliseconds.
"""

import socket
import sys

TIMEOUT_S = 3.0


def main() -> int:
    """Return 0 for an answer with status 200, else 1."""
    kind, _, address = sys.argv[1].partition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(address if kind == "unix" else ("127.0.0.1", int(address)))
            request = f"GET {sys.argv[2]} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            answer = connection.recv(4096)
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(answer.decode(errors="replace")[:500])
    return 0 if answer.split(b" ", 2)[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
