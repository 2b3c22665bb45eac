"""Ships the zone's ledger to headquarters, in order, and removes what headquarters has."""

import asyncio
import logging
import random
from pathlib import Path

from storage.platform.ledger.batch import pack_frames
from zones.agent.ledger_figures import LedgerFigures
from zones.agent.ledger_sinks import LedgerSink, SinkUnavailable
from zones.agent.segment_file import (
    DAMAGED,
    Piece,
    read_piece,
    remove,
    segments_of,
    set_aside,
    size_of,
)
from zones.backoff import backoff_s

logger = logging.getLogger(__name__)


class LedgerShipper:
    """Reads the segments that the zone's gateway writes into `folder`.

    How far a segment was taken is what headquarters answers, so nothing is kept here: after a
    restart the first question for each segment is how to go on. A finished segment is removed
    when headquarters has the last of it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        zone: str,
        sink: LedgerSink,
        figures: LedgerFigures,
        every_s: float,
    ) -> None:
        self._folder = folder
        self._zone = zone
        self._sink = sink
        self._figures = figures
        self._every_s = every_s
        self._taken: dict[str, int] = {}

    async def run(self) -> None:
        """Ship for ever; cancel to stop."""
        failures = 0
        while True:
            try:
                await self.ship()
                failures = 0
                pause = self._every_s
            except (SinkUnavailable, OSError) as error:
                failures += 1
                self._figures.failures.inc()
                pause = backoff_s(failures=failures, jitter=random.random())
                if failures == 1:
                    logger.warning("the ledger is not shipped: %s; it is kept", error)
            self._count()
            await asyncio.sleep(pause)

    async def ship(self) -> None:
        """Send all that stands in the folder now.

        Raises:
            SinkUnavailable: headquarters cannot be reached, or refuses.
            OSError: a segment cannot be read.
        """
        for path in segments_of(self._folder):
            await self._ship_segment(path)

    async def _ship_segment(self, path: Path) -> None:
        taken = self._taken.get(path.name)
        if taken is None:
            taken = self._taken[path.name] = await self._send(path, 0, b"")
        # What is written meanwhile goes the next time, with all that comes until then.
        stands = size_of(path)
        while True:
            piece = await asyncio.to_thread(read_piece, path, taken)
            if piece.frames and taken < stands:
                taken = self._taken[path.name] = await self._send(path, taken, piece.frames)
                continue
            if piece.at_end:
                self._finish(path, piece)
            return

    async def _send(self, path: Path, offset: int, frames: bytes) -> int:
        body = await asyncio.to_thread(pack_frames, frames) if frames else b""
        reached = await self._sink.take(
            zone=self._zone, segment=path.name, offset=offset, body=body
        )
        if reached == offset + len(frames):
            self._figures.shipped.inc(len(frames))
        return reached

    def _finish(self, path: Path, piece: Piece) -> None:
        del self._taken[path.name]
        if piece.damaged:
            logger.error("%s cannot be read to its end: it is kept as %s", path, set_aside(path))
        else:
            remove(path)

    def _count(self) -> None:
        waiting = [
            max(0, size_of(path) - self._taken.get(path.name, 0))
            for path in segments_of(self._folder)
        ]
        self._figures.waiting.set(sum(waiting))
        self._figures.damaged.set(len(list(self._folder.glob(f"*{DAMAGED}"))))
