"""What a zone knew of the time, kept for the next worker while the machine runs on."""

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from functions.clock_sync.exchange import Sample
from functions.clock_sync.machine_clock import MachineClock
from functions.clock_sync.zone_clock import FollowingClock, Known

FILE: Final = "time.json"

logger = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    boot: str
    reference: str
    stratum: int
    at_us: int
    offset_us: int
    delay_us: int
    dispersion_us: float
    root_delay_us: int
    root_dispersion_us: float


class KeptTime:
    """A file in `folder`; with None nothing is kept.

    A sample is against the steady clock, which counts on while workers come and go: an edge that is
    cut off still knows the time when its worker was killed. With the machine's start it is void.
    """

    def __init__(self, folder: str | None, *, machine: MachineClock) -> None:
        self._path = None if folder is None else Path(folder) / FILE
        self._machine = machine
        self._written: Known | None = None

    def restore(self, clock: FollowingClock) -> None:
        """Let `clock` know what an earlier worker of this machine's start knew, if anything."""
        boot = self._machine.boot()
        if self._path is None or boot is None:
            return
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return
        if kept.boot != boot or kept.at_us > self._machine.steady_us():
            return
        sample = Sample(
            at_us=kept.at_us,
            offset_us=kept.offset_us,
            delay_us=kept.delay_us,
            dispersion_us=kept.dispersion_us,
            root_delay_us=kept.root_delay_us,
            root_dispersion_us=kept.root_dispersion_us,
        )
        clock.take(sample, reference=kept.reference, stratum=kept.stratum - 1)

    async def keep(self, clock: FollowingClock) -> None:
        """Write down what `clock` knows now, if it is something else than the last time."""
        known = clock.known
        if self._path is None or known is None or known == self._written:
            return
        self._written = known
        boot = self._machine.boot()
        if boot is None:
            return
        sample = known.sample
        kept = _Kept(
            boot=boot,
            reference=known.reference,
            stratum=known.stratum,
            at_us=sample.at_us,
            offset_us=sample.offset_us,
            delay_us=sample.delay_us,
            dispersion_us=sample.dispersion_us,
            root_delay_us=sample.root_delay_us,
            root_dispersion_us=sample.root_dispersion_us,
        )
        try:
            await asyncio.to_thread(_write, self._path, msgspec.json.encode(kept))
        except OSError as error:
            logger.warning("the time is not kept for the next worker: %s", error)
            self._path = None


def _write(path: Path, data: bytes) -> None:
    """Replace the file in one step. It need not survive the machine, so nothing is synced."""
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        fresh.write_bytes(data)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
