"""Connections to the zone's own gateway, kept open between requests."""

from typing import Final

from functions.runtime.http_line import Answer, HttpLine, Place

CONNECT_S: Final = 5.0
MAX_IDLE: Final = 32


class HttpLines:
    """Opens a connection where none is idle; safe to share between tasks of one loop."""

    def __init__(self, place: Place, *, max_body: int) -> None:
        """`max_body` is how many bytes of an answer are kept."""
        self._place = place
        self._max_body = max_body
        self._idle: list[HttpLine] = []

    @property
    def host(self) -> str:
        """What a request's Host header says."""
        return f"{self._place.host}:{self._place.port}"

    async def ask(self, head: bytes, body: bytes, *, bodiless: bool = False) -> Answer:
        """Send a request and return its answer; cancelled, it drops the connection.

        Raises:
            NoAnswer: nobody listens, or the connection broke.
        """
        line = self._kept() or await self._place.open(timeout_s=CONNECT_S)
        try:
            return await line.ask(head, body, max_body=self._max_body, bodiless=bodiless)
        finally:
            if line.reusable and len(self._idle) < MAX_IDLE:
                self._idle.append(line)
            else:
                line.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for line in self._idle:
            line.close()
        self._idle.clear()

    def _kept(self) -> HttpLine | None:
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
            line.close()
        return None
