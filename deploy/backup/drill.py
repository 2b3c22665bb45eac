"""The restore drill: restore the record elsewhere, to a moment under load, and compare it all."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.backup.failure import BackupFailure
from deploy.backup.fingerprint import Compared, compare, print_at_moment, print_at_rest
from deploy.backup.following import wait_until_covered
from deploy.backup.manifest import Manifest, covered_at
from deploy.backup.restoring import restored_record
from deploy.backup.sealing import Sealer
from deploy.backup.source import Source
from deploy.backup.vault import Vault
from deploy.backup.wal_archive import ArchiverRuns, archiving
from deploy.lab.home import Home
from deploy.lab.reporting import Reporter

PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What a drill found; `moment` is UTC in microseconds, `restore_s` without the comparison."""

    moment: int
    base: Manifest
    tables: list[Compared]
    restore_s: float
    incarnation: int

    @property
    def equal(self) -> bool:
        """Whether nothing is missing, too much or different."""
        return all(table.equal for table in self.tables)

    @property
    def blocks(self) -> int:
        """How many blocks were compared."""
        return sum(table.rows for table in self.tables if table.of_blocks)


def drill(
    source: Source,
    vault: Vault,
    sealer: Sealer,
    *,
    home: Home,
    scratch: Path,
    reporter: Reporter,
) -> Drilled:
    """Take the source's fingerprint now, restore to that moment below `scratch`, compare.

    What was restored is removed again. The source stays in use; see `print_at_moment`.

    Raises:
        BackupFailure, ServerFailure: it could not be restored.
    """
    with _folders(scratch) as (ours, theirs, elsewhere):
        reporter.step("taking the sums of every row and block of the source")
        moment = asyncio.run(print_at_moment(source.database_url, ours))
        _archive_up_to(moment, source, vault, sealer, home=home)
        began = time.monotonic()
        with restored_record(
            vault, sealer, home=elsewhere, moment=moment, reporter=reporter
        ) as restored:
            restore_s = time.monotonic() - began
            reporter.step("comparing")
            asyncio.run(print_at_rest(restored.database_url, theirs))
            return Drilled(
                moment=moment,
                base=restored.base,
                tables=compare(ours, theirs),
                restore_s=round(restore_s, 3),
                incarnation=restored.incarnation,
            )


def _archive_up_to(
    moment: int, source: Source, vault: Vault, sealer: Sealer, *, home: Home
) -> None:
    """Have the WAL up to `moment` archived, by whoever does so, or here."""
    try:
        with archiving(source, vault, sealer, home=home) as archive:
            archive.ship()
            return
    except ArchiverRuns:
        pass

    def until() -> int | None:
        covered = covered_at(vault)
        return None if covered is None else covered.until

    if not wait_until_covered(until, at=moment, patience_s=PATIENCE_S):
        raise BackupFailure(f"the archive did not reach the moment within {PATIENCE_S:.0f} s")


@contextmanager
def _folders(scratch: Path) -> Iterator[tuple[Path, Path, Home]]:
    """Folders for two fingerprints, and a home to restore into; short, for sockets are in it."""
    top = Path(tempfile.mkdtemp(prefix="gf-drill-", dir=scratch))
    top.chmod(0o711)
    try:
        ours, theirs = top / "source", top / "restored"
        ours.mkdir(mode=0o700)
        theirs.mkdir(mode=0o700)
        yield ours, theirs, Home(top / "state", top / "run")
    finally:
        shutil.rmtree(top, ignore_errors=True)
