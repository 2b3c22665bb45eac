"""Follows the files that the zone's agent replaces: the snapshot, and the zone's own keys."""

import asyncio
import logging
from pathlib import Path

from gateway.keyring import KeyRing
from gateway.refusal import Refusal
from storage.platform.local_keys import FILE_NAME, LocalKeysUnreadable, load_local_keys
from storage.platform.snapshot import Position, SnapshotUnreadable, load_snapshot

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int, int] | None


class NoSnapshot(Refusal):
    """This zone has not learnt yet who its tenants are."""


class SnapshotWatch:
    """Holds the key ring of the newest readable snapshot; `run` keeps it so."""

    def __init__(self, path: Path, *, every_s: float) -> None:
        self._path = path
        self._every_s = every_s
        self._seen: tuple[_Stamp, _Stamp] | None = None
        self._ring: KeyRing | None = None
        self._changed = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Whether there is a snapshot to work from."""
        return self._ring is not None

    @property
    def ring(self) -> KeyRing:
        """The current key ring.

        Raises:
            NoSnapshot: none was ever loaded.
        """
        if self._ring is None:
            raise NoSnapshot("this zone has no tenants and keys yet", retry_after_s=1)
        return self._ring

    def check(self) -> None:
        """Load the files if one is another than before; an unreadable one changes nothing."""
        seen = (_stamp(self._path), _stamp(self._path.parent / FILE_NAME))
        if seen == self._seen or seen[0] is None:
            return
        self._seen = seen
        try:
            snapshot = load_snapshot(self._path)
            local = load_local_keys(self._path.parent)
        except (SnapshotUnreadable, LocalKeysUnreadable, OSError) as error:
            logger.error("the snapshot cannot be read, the last one stays in force: %s", error)
            return
        if snapshot is None:
            return
        self._ring = KeyRing(snapshot, local=local)
        self._changed.set()
        self._changed = asyncio.Event()
        logger.info("snapshot loaded", extra={"version": snapshot.version})

    async def newer_than(self, position: Position, *, within_s: float) -> KeyRing | None:
        """Wait for a snapshot above `position`; None when there is none in time.

        Raises:
            NoSnapshot: none was ever loaded.
        """
        try:
            async with asyncio.timeout(within_s):
                while self.ring.snapshot.position <= position:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.ring

    async def change(self) -> None:
        """Wait for another snapshot than the current one."""
        await self._changed.wait()

    async def run(self) -> None:
        """Check for ever; cancel to stop."""
        while True:
            self.check()
            await asyncio.sleep(self._every_s)


def _stamp(path: Path) -> _Stamp:
    """What tells one state of a file from another; None while there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
