"""The functions' logs of a zone: read from each worker's pipe, bounded, kept, and told again."""

import asyncio
import contextlib
import logging
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from zones.agent.log_file import LogFile
from zones.agent.log_line import MAX_LINE_BYTES, LogLine, line_of
from zones.agent.log_rate import LogRate

FOLLOWER_LINES: Final = 1_000
MAX_TAIL_LINES: Final = 10_000
PAUSE_S: Final = 0.2
_PIECE: Final = 64 * 1024

Key = tuple[str, str]

logger = logging.getLogger(__name__)


class FunctionLogs:
    """Folders `<tenant>/<function>` below `folder`; `platform` is the tenant of the platform's."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._files: dict[Key, LogFile] = {}
        self._rates: dict[Key, LogRate] = {}
        self._followers: defaultdict[Key, set[asyncio.Queue[LogLine]]] = defaultdict(set)
        self._pipes: dict[int, _Pipe] = {}
        self._keys: dict[str, Key] = {}

    @contextlib.contextmanager
    def pipe(self, *, tenant: str, function: str, instance: str) -> Iterator[int]:
        """Give the write end of a new pipe for the time of a launch; what comes is read on.

        Reading ends when the last process that has the pipe is gone.
        """
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(reader, False)
            pipe = _Pipe((tenant, function), instance)
            self._pipes[reader] = pipe
            self._keys[instance] = pipe.key
            asyncio.get_running_loop().add_reader(reader, self._read, reader)
            yield writer
        finally:
            os.close(writer)

    def ended(self, instance: str, why: str) -> None:
        """Say in the log of a worker that has ended why it did; of others nothing is said."""
        key = self._keys.pop(instance, None)
        if key is not None:
            text = f"the worker ended: {why}"
            self._keep(key, [LogLine(at=_now(), instance=instance, level="agent", text=text)])
            self._let_go(key)

    def known(self, tenant: str, function: str) -> bool:
        """Whether a worker of the function ever wrote, or said that it ended, here."""
        return (self.folder / tenant / function).is_dir()

    def tail(self, tenant: str, function: str, lines: int) -> list[LogLine]:
        """Return the last `lines` lines (at most `MAX_TAIL_LINES`), oldest first.

        Raises:
            OSError: they cannot be read.
        """
        return self._file((tenant, function)).tail(min(max(lines, 0), MAX_TAIL_LINES))

    async def follow(
        self, tenant: str, function: str, *, tail: int = 0
    ) -> AsyncGenerator[LogLine, None]:
        """Give the last `tail` lines, then each further one; none between is left out.

        Who reads too slowly misses the oldest. Close it to stop.

        Raises:
            OSError: the last lines cannot be read.
        """
        queue: asyncio.Queue[LogLine] = asyncio.Queue(FOLLOWER_LINES)
        followers = self._followers[tenant, function]
        before = self.tail(tenant, function, tail)
        followers.add(queue)
        try:
            for line in before:
                yield line
            while True:
                yield await queue.get()
        finally:
            followers.discard(queue)

    def close(self) -> None:
        """Read what is left in the pipes, then close them and the files."""
        for reader in list(self._pipes):
            self._read(reader)
        for reader in list(self._pipes):
            self._end(reader)
        for file in self._files.values():
            file.close()

    def _read(self, reader: int) -> None:
        pipe = self._pipes[reader]
        try:
            piece = os.read(reader, _PIECE)
        except BlockingIOError:
            return
        at = _now()
        lines = [line_of(line, instance=pipe.instance, at=at) for line in pipe.lines(piece)]
        rate = self._rates.setdefault(pipe.key, LogRate())
        kept = lines if rate.takes(len(piece), now=self._clock()) else []
        if kept and rate.dropped:
            text = f"{rate.dropped} bytes of the log left out: more than its rate allows"
            kept.insert(0, LogLine(at=at, instance=pipe.instance, text=text, level="warning"))
            rate.dropped = 0
        if kept:
            self._keep(pipe.key, kept)
        if not piece:
            self._end(reader)
        elif rate.dropped:
            self._pause(reader)

    def _pause(self, reader: int) -> None:
        """Let the writer wait: a function that floods its log must not keep the agent busy."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(reader)

        def read_on() -> None:
            if reader in self._pipes:
                loop.add_reader(reader, self._read, reader)

        loop.call_later(PAUSE_S, read_on)

    def _keep(self, key: Key, lines: list[LogLine]) -> None:
        try:
            self._file(key).append(lines)
        except (OSError, RecursionError) as error:
            logger.error("the log of %s of %s: %s", key[1], key[0], error)
        for queue in self._followers.get(key, ()):
            for line in lines:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(line)

    def _end(self, reader: int) -> None:
        asyncio.get_running_loop().remove_reader(reader)
        key = self._pipes.pop(reader).key
        os.close(reader)
        self._let_go(key)

    def _let_go(self, key: Key) -> None:
        """Keep no file open of a function without a worker: functions come and go."""
        if all(pipe.key != key for pipe in self._pipes.values()):
            file = self._files.pop(key, None)
            if file is not None:
                file.close()

    def _file(self, key: Key) -> LogFile:
        file = self._files.get(key)
        if file is None:
            file = self._files[key] = LogFile(self.folder.joinpath(*key))
        return file


class _Pipe:
    """One worker's pipe and the line that it has begun."""

    def __init__(self, key: Key, instance: str) -> None:
        self.key = key
        self.instance = instance
        self._begun = b""

    def lines(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` ends; an empty piece ends the last. Long ones are cut."""
        *whole, self._begun = (self._begun + piece).split(b"\n")
        if self._begun and (not piece or len(self._begun) > MAX_LINE_BYTES):
            whole.append(self._begun)
            self._begun = b""
        return [line[:MAX_LINE_BYTES] for line in whole if line]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
