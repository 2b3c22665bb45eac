"""`python -m zones.links.orders`: look at the links of a running process, cut and mend their paths.

    python -m zones.links.orders                                     what there is, as JSON
    python -m zones.links.orders zone-2-to-zone-1 fibre-600km failed
    python -m zones.links.orders zone-2-to-zone-1 fibre-600km '{"up": {"delay_ms": 20}}'
    python -m zones.links.orders zone-2-to-zone-1 break              reset every connection

The process is found by its control socket, $GRIDFAAS_LINK_CONTROL.
"""

import http.client
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

WITHIN_S = 10.0
STATES = ("working", "failed")


class OrderFailed(Exception):
    """The process did not answer, or refused; the message says why."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("link", timeout=WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(str(self._path))


def order(control: Path, method: str, path: str, body: Any = None) -> Any:
    """Return the answer's JSON.

    Raises:
        OrderFailed: nobody answers at `control`, or the order is refused.
    """
    connection = _UnixConnection(control)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, body=text, headers={"content-type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OrderFailed(f"{control}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise OrderFailed(str(found.get("detail") or found))
    return found


def change_path(control: Path, *, link: str, path: str, change: Any) -> Any:
    """Change a path as the control API's PATCH says; return the link.

    Raises:
        OrderFailed: as `order`.
    """
    return order(control, "PATCH", f"/v1/links/{quote(link)}/paths/{quote(path)}", change)


def main(arguments: Sequence[str]) -> int:
    """Run; 0 when done, 1 when it failed, 2 for other arguments."""
    control = os.environ.get("GRIDFAAS_LINK_CONTROL")
    if control is None:
        return _said("GRIDFAAS_LINK_CONTROL is not set", 2)
    try:
        match [*arguments]:
            case []:
                found = order(Path(control), "GET", "/v1/links")
            case [link, "break"]:
                found = order(Path(control), "DELETE", f"/v1/links/{quote(link)}/connections")
            case [link, path, wanted]:
                change = {"state": wanted} if wanted in STATES else json.loads(wanted)
                found = change_path(Path(control), link=link, path=path, change=change)
            case _:
                return _said(str(__doc__), 2)
    except OrderFailed as error:
        return _said(str(error), 1)
    except ValueError as error:
        return _said(f"neither {' nor '.join(STATES)} nor JSON: {error}", 2)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


def _said(text: str, code: int) -> int:
    sys.stderr.write(f"zones.links.orders: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
