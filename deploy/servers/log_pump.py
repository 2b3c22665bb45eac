"""A child's output: a file that cannot grow without bound, and its last lines for errors."""

import threading
from collections import deque
from pathlib import Path
from typing import IO

MAX_BYTES = 8 * 1024 * 1024
REMEMBERED_LINES = 20


class LogPump:
    """Copies a stream to `path` until it ends; at `max_bytes` the file moves to `path`.1."""

    def __init__(self, stream: IO[bytes], path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._stream = stream
        self._path = path
        self._max_bytes = max_bytes
        self._last: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._thread = threading.Thread(target=self._copy, name=f"log-{path.stem}", daemon=True)
        self._thread.start()

    def last_lines(self) -> list[str]:
        """Return the most recent lines, oldest first."""
        return list(self._last)

    def close(self, *, timeout_s: float = 2.0) -> None:
        """Wait for the end of the stream; a grandchild that holds it open is left to finish."""
        self._thread.join(timeout_s)

    def _copy(self) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        log = self._path.open("ab")
        try:
            for line in self._stream:
                self._last.append(line.decode(errors="replace").rstrip())
                if size + len(line) > self._max_bytes:
                    log.close()
                    self._path.replace(self._path.with_name(self._path.name + ".1"))
                    log, size = self._path.open("ab"), 0
                log.write(line)
                log.flush()
                size += len(line)
        finally:
            log.close()
            self._stream.close()
