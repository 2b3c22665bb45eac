"""The log of one function on disk: bounded files, the oldest given up for the newest."""

import os
from pathlib import Path
from typing import BinaryIO, Final

from zones.agent.log_line import LogLine, decode_line, encode_line

FILE_BYTES: Final = 4 * 1024 * 1024
FILES: Final = 4


class LogFile:
    """`current.jsonl` and up to `files` - 1 before it, `1.jsonl` the youngest; all 0600."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._files = files
        self._open: BinaryIO | None = None

    def append(self, lines: list[LogLine]) -> None:
        """Write `lines` in one go; the file is turned over once it is full.

        Raises:
            OSError: the disk takes no more.
        """
        file = self._open
        if file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            file = self._open = os.fdopen(descriptor, "ab")
        file.write(b"".join(encode_line(line) for line in lines))
        file.flush()
        if file.tell() >= self._file_bytes:
            self.close()
            self._turn_over()

    def tail(self, lines: int) -> list[LogLine]:
        """Return the last `lines` lines, oldest first.

        Raises:
            OSError: what there is cannot be read.
        """
        found: list[LogLine] = []
        for path in (self._current, *(self._older(n) for n in range(1, self._files))):
            if len(found) >= lines:
                break
            if path.exists():
                stored = path.read_bytes().splitlines()[-(lines - len(found)) :]
                found = [line for one in stored if (line := decode_line(one))] + found
        return found

    def close(self) -> None:
        """Close the file; the next `append` opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _current(self) -> Path:
        return self._folder / "current.jsonl"

    def _older(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"

    def _turn_over(self) -> None:
        for number in range(self._files - 1, 1, -1):
            younger = self._older(number - 1)
            if younger.exists():
                younger.replace(self._older(number))
        self._current.replace(self._older(1))
