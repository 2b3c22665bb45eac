"""Keeping an archive current: WAL every few seconds, a base backup when the newest is old."""

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from deploy.backup.cluster_backup import take_base_backup
from deploy.backup.failure import BackupFailure
from deploy.backup.manifest import Covered, backups_at
from deploy.backup.plan_file import BackupPlan
from deploy.backup.retention import drop_old
from deploy.backup.sealing import Sealer
from deploy.backup.source import Source
from deploy.backup.vault import Vault
from deploy.backup.wal_archive import WalArchive, archiving
from deploy.lab.home import Home
from deploy.servers.failure import ServerFailure

logger = logging.getLogger(__name__)

SHIP_EVERY_S: Final = 5.0
LONGEST_PAUSE_S: Final = 60.0
_HOUR_US: Final = 3_600_000_000


def follow(
    source: Source,
    vault: Vault,
    sealer: Sealer,
    plan: BackupPlan,
    *,
    home: Home,
    headquarters: str,
    stop: Event,
    shipped: Callable[[Covered], None] = lambda covered: None,
) -> None:
    """Archive until `stop` is set; what fails is logged and tried again.

    Raises:
        BackupFailure: another process archives, or the address is another record's.
    """
    with archiving(source, vault, sealer, home=home) as archive:
        pause_s = SHIP_EVERY_S
        while not stop.is_set():
            try:
                covered = archive.ship()
                shipped(covered)
                if _is_due(vault, plan, now=covered.until):
                    manifest = take_base_backup(
                        source, vault, sealer, home=home, headquarters=headquarters
                    )
                    drop_old(vault, keep=plan.keep)
                    logger.info("base backup %s", manifest.id)
                pause_s = SHIP_EVERY_S
            except (BackupFailure, ServerFailure, OSError) as error:
                logger.error("archiving: %s", error)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            stop.wait(pause_s)
        _ship_last(archive)


def _ship_last(archive: WalArchive) -> None:
    try:
        archive.ship()
    except (BackupFailure, ServerFailure, OSError) as error:
        logger.error("the last of the WAL was not archived: %s", error)


def _is_due(vault: Vault, plan: BackupPlan, *, now: int) -> bool:
    newest = backups_at(vault)[-1:]
    return not newest or now - newest[0].finished_at >= plan.every_hours * _HOUR_US


def wait_until_covered(
    covered_until: Callable[[], int | None], *, at: int, patience_s: float
) -> bool:
    """Whether another process archives up to `at` (UTC in microseconds) within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        until = covered_until()
        if until is not None and until >= at:
            return True
        time.sleep(0.5)
    return False
