"""Keeps the zone's snapshot: on disk before anybody works from it, and there when cut off."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from storage.platform.snapshot import (
    Snapshot,
    SnapshotUnreadable,
    TenantEntry,
    load_snapshot,
    save_snapshot,
)
from zones.agent.snapshot_source import SnapshotSource, SourceUnavailable
from zones.backoff import backoff_s

# A revocation must reach a zone within 5 s of the link's return.
RETRY_CAP_S = 2.0

logger = logging.getLogger(__name__)


class SnapshotFeed:
    """Holds the newest snapshot; `changed` is called after each new one."""

    def __init__(self, *, path: Path, source: SnapshotSource, changed: Callable[[], None]) -> None:
        self._path = path
        self._source = source
        self._changed = changed
        self.current: Snapshot | None = None
        self.tenants: Mapping[str, TenantEntry] | None = None
        """Those of `current` that have workers here, by slug; None while there is no snapshot."""
        self.heard_at: float | None = None
        """Unix time in seconds of the last answer of the source."""

    def load(self) -> None:
        """Take up the saved snapshot, if there is one that can be read."""
        try:
            saved = load_snapshot(self._path)
        except SnapshotUnreadable:
            # The source has it all; until it answers, the zone serves nobody.
            logger.exception("the saved snapshot is of no use")
            return
        if saved is not None:
            self._take(saved)

    async def run(self) -> None:
        """Follow the source for ever; cancel to stop."""
        failures = 0
        while True:
            try:
                await self.follow()
                failures = 0
            except (SourceUnavailable, OSError) as error:
                failures += 1
                pause = backoff_s(failures=failures, jitter=random.random(), cap_s=RETRY_CAP_S)
                if failures == 1:
                    logger.warning("snapshot: %s; working from the saved one", error)
                await asyncio.sleep(pause)

    async def follow(self) -> None:
        """Ask the source once, save and take up what is new.

        Raises:
            SourceUnavailable: it gave no answer.
            OSError: the snapshot could not be saved, so the old one stays in force.
        """
        held = None if self.current is None else self.current.position
        newer = await self._source.newer(held)
        self.heard_at = time.time()
        if newer is None:
            return
        if held is not None and newer.position <= held:
            # A parent that lost its own copy catches up by itself; revoked keys must not return.
            raise SourceUnavailable(f"{newer.position} is offered, {held} is held")
        await asyncio.to_thread(save_snapshot, self._path, newer)
        if held is not None and newer.incarnation != held.incarnation:
            logger.warning("the platform's record was restored or moved: all of it is taken anew")
        logger.info("snapshot version %d, %d tenants", newer.version, len(newer.tenants))
        self._take(newer)

    def _take(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self.tenants = {entry.slug: entry for entry in snapshot.staffed()}
        self._changed()
