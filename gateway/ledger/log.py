"""The ledger being written: in the file before the answer leaves, on the disk soon after."""

import asyncio
import errno
import fcntl
import logging
import os
import time
from pathlib import Path

from gateway.invocation import Invocation
from gateway.ledger.record import fields_of
from gateway.ledger.room import LedgerRoom
from storage.platform.ledger.segment import SUFFIX, frame, read_records

logger = logging.getLogger(__name__)

# Together with a slow disk's own time this stays below 100 ms.
SYNC_AFTER_S = 0.05
LOOK_EVERY_S = 1.0
UNNAMED = ".new"


class LedgerLog:
    """Observes calls and appends their records to segments in `folder` (made here, mode 0700).

    A record has left the process when `ended` or `flush` returns, so it survives a kill of the
    gateway; it survives a power cut once the shared fsync, at most 100 ms later, is done. A segment
    is never written again after its process: a torn tail stays a tail. While it is written it is
    locked (flock), so that who ships segments knows which ones are at their end.
    """

    def __init__(self, folder: Path, *, segment_bytes: int, max_bytes: int) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        for unnamed in folder.glob(f"*{SUFFIX}{UNNAMED}"):
            unnamed.unlink()
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        self._size = 0
        self._opened = 0
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._unsynced = False
        self._waiting: list[bytes] = []
        self.room = LedgerRoom(folder, max_bytes=max_bytes)

    @property
    def writable(self) -> bool:
        """Whether calls may begin."""
        return self.room.open

    def ended(self, call: Invocation) -> None:
        """Append the call's record, at once or, if its answer waits for that, with `flush`."""
        fields = fields_of(call)
        if fields is None:
            return
        self._waiting.append(frame(fields))
        if not call.answer_waits:
            self.flush()

    def flush(self) -> None:
        """Write the records that wait; calls that began are written into the reserve if need be."""
        if not self._waiting:
            return
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        try:
            try:
                self._append(data)
            except OSError as error:
                if not self.room.failed(error):
                    raise
                self._append(data)
        except OSError as error:
            # The records themselves go to the log, from which they can be entered by hand.
            for record in read_records(data):
                logger.error("ledger not written: %s", error, extra={"record": str(record)})

    async def run(self) -> None:
        """Look for room for ever; cancel to stop."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.room.look()

    async def close(self) -> None:
        """Bring everything to disk and end the segment."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
        if self._syncing is not None:
            await asyncio.gather(self._syncing, return_exceptions=True)
        if self._file is not None:
            await asyncio.to_thread(os.fsync, self._file)
            os.close(self._file)
            self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is None or self._size + len(data) > self._segment_bytes:
            self._next_segment()
        assert self._file is not None
        written = os.write(self._file, data)
        if written < len(data):
            # A torn frame would hide all that follows it: take it back.
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, "the disk took only a part of the record")
        self._size += written
        self.room.grew(written)
        self._unsynced = True
        self._sync_soon()

    def _next_segment(self) -> None:
        self._opened += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._opened:06d}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        # Under its name only once it is locked: an unlocked segment is taken for a finished one.
        unnamed = self._folder / f"{name}{UNNAMED}"
        fresh = os.open(unnamed, flags, 0o600)
        try:
            fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self._folder / name)
            _sync_folder(self._folder)
        except OSError:
            os.close(fresh)
            raise
        if self._file is not None:
            # Once in many thousand calls: the full segment is brought to disk here and now.
            os.fsync(self._file)
            os.close(self._file)
        self._file, self._size = fresh, 0

    def _sync_soon(self) -> None:
        if self._timer is None and self._syncing is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SYNC_AFTER_S, self._start_sync)

    def _start_sync(self) -> None:
        self._timer = None
        self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def _sync(self) -> None:
        try:
            if self._file is not None:
                self._unsynced = False
                # A duplicate, because the segment may be full and closed in the meantime.
                duplicate = os.dup(self._file)
                try:
                    await asyncio.to_thread(os.fsync, duplicate)
                finally:
                    os.close(duplicate)
        except OSError as error:
            self.room.failed(error)
            logger.error("ledger not synced: %s", error)
        finally:
            self._syncing = None
            if self._unsynced:
                self._sync_soon()


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
