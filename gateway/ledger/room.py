"""Whether the ledger may grow: a bound on its bytes, and a reserve for the calls under way."""

import errno
import logging
import os
from pathlib import Path

from gateway.refusal import Refusal
from storage.platform.ledger.segment import SUFFIX

logger = logging.getLogger(__name__)

# Room for the records of some thousand calls that are under way when the disk fills up.
RESERVE_BYTES = 1 << 20
RETRY_AFTER_S = 5
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LedgerFull(Refusal):
    """No call may begin, because what it will have used could not be written down."""


class LedgerRoom:
    """What is left of `max_bytes` in `folder`, where segments are removed by whoever ships them.

    The reserve is a file of the folder's own, given up when the disk is full and taken again as
    soon as it can be.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._reserve = folder / "reserve"
        self.used = 0
        self.open = True
        self.look()

    def check(self) -> None:
        """Let a call begin.

        Raises:
            LedgerFull: the bound is reached, or the disk is full.
        """
        if not self.open:
            raise LedgerFull(
                "the zone's ledger is full: its calls wait to be taken by headquarters",
                retry_after_s=RETRY_AFTER_S,
            )

    def grew(self, size: int) -> None:
        """Count bytes that were written."""
        self.used += size
        if self.used >= self._max_bytes and self.open:
            self.open = False
            logger.error("the ledger is full: %d bytes wait for headquarters", self.used)

    def failed(self, error: OSError) -> bool:
        """Begin no more calls; True if the reserve made room to write the same again."""
        self.open = False
        if error.errno not in _NO_ROOM or not self._reserve.exists():
            return False
        self._reserve.unlink(missing_ok=True)
        logger.error("the ledger's disk is full: its reserve is given up")
        return True

    def look(self) -> None:
        """Look at the folder anew, and open the ledger again if there is room."""
        try:
            self.used = sum(path.stat().st_size for path in self._folder.glob(f"*{SUFFIX}"))
            self._take_reserve()
        except OSError as error:
            if self.open:
                logger.error("the ledger has no room: %s", error)
            self.open = False
            return
        if self.used < self._max_bytes:
            if not self.open:
                logger.info("the ledger has room again")
            self.open = True
        else:
            self.open = False

    def _take_reserve(self) -> None:
        if self._reserve.exists() and self._reserve.stat().st_size == RESERVE_BYTES:
            return
        taken = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(taken, 0, RESERVE_BYTES)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            raise
        finally:
            os.close(taken)
