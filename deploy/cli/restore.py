"""`gridfaas restore`: put a backup back elsewhere, to a moment; or prove that one could."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from deploy.backup.address import open_vault
from deploy.backup.drill import Drilled, drill
from deploy.backup.failure import BackupFailure
from deploy.backup.hot_store import begin_epochs
from deploy.backup.restoring import restored_record
from deploy.backup.sealing import Sealer, read_key
from deploy.backup.source import opened_source
from deploy.backup.target import instant
from deploy.cli.backup import described, kept_plan
from deploy.cli.exit_codes import OK, RECORD_DIFFERS
from deploy.cli.progress import ShownProgress
from deploy.lab.home import Home, find_home
from deploy.lab.topology import lab_topology


class Moment(click.ParamType[int]):
    """An RFC 3339 instant with its offset, as UTC in microseconds."""

    name = "instant"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the instant."""
        if isinstance(value, int):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: an instant such as 2026-11-22T03:00:00Z", param, ctx)
        if at.tzinfo is None:
            self.fail(f"{value!r} needs its offset, such as Z", param, ctx)
        since = at - datetime(1970, 1, 1, tzinfo=UTC)
        return round(since.total_seconds() * 1e6)


@click.command()
@click.option("--from", "address", help="Where the backup is; default: where this lab's go.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The key that it was encrypted with.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder; start it with GRIDFAAS_HOME=FOLDER gridfaas up.",
)
@click.option("--to-time", "moment", type=Moment(), help="As it was at this instant; default: end.")
@click.option("--backup", "backup_id", help="Begin with this base backup.")
@click.option("--drill", "drilling", is_flag=True, help="Restore this lab's record and compare.")
@click.option(
    "--hot-store",
    metavar="ZONE",
    help="A zone's hot store was put back from a copy: have it begin as another edge.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def restore(
    *,
    address: str | None,
    key_file: Path | None,
    into: Path | None,
    moment: int | None,
    backup_id: str | None,
    drilling: bool,
    hot_store: str | None,
    as_json: bool,
) -> None:
    """Restore the record into a new folder, as it was at a moment.

    Checks every byte, replays the WAL, and begins a new incarnation of the record, so that every
    zone takes tenants, keys and meters anew. Keys that were revoked after the moment work again:
    revoke them again. Readings that zones had handed over after the moment are not in it; what
    they still hold on their streams comes by itself.

    --drill takes the checksum of every row and block of this lab's record, running or not,
    restores it beside as it was at that moment, compares, and removes it again.

    --hot-store is the step after a Valkey's own files were put back: with the lab down, its zone
    gets new epochs, so that no parent takes its readings for old ones.

    \b
    Exit codes:
      0    it is restored; for a drill: nothing differs
      1    it is not; one line says why
      2    wrong arguments
      13   a drill found a difference
    """
    home = find_home(environ=os.environ)
    if hot_store is not None:
        tenants = begin_epochs(home, lab_topology(), zone=hot_store)
        click.echo(
            json.dumps({"zone": hot_store, "tenants": tenants})
            if as_json
            else (f"{hot_store} begins as another edge for {len(tenants)} tenants")
        )
        sys.exit(OK)
    if drilling == (into is not None):
        raise click.UsageError("give --into FOLDER, or --drill, or --hot-store ZONE")
    plan = kept_plan(home, address, key_file)
    sealer = Sealer(None if plan.key_file is None else read_key(Path(plan.key_file)))
    with open_vault(plan.address, environ=os.environ) as vault, ShownProgress() as reporter:
        if drilling:
            with opened_source(home, lab_topology(), environ=os.environ) as source:
                found = drill(
                    source, vault, sealer, home=home, scratch=Path("/tmp"), reporter=reporter
                )
            _print_drill(found, as_json)
            sys.exit(OK if found.equal else RECORD_DIFFERS)
        assert into is not None
        new = find_home(environ=_environ_of(into))
        _refuse_own(home, new)
        with restored_record(
            vault, sealer, home=new, moment=moment, backup=backup_id, reporter=reporter
        ) as done:
            said = {
                "home": str(new.state),
                "backup": described(done.base),
                "moment": None if moment is None else instant(moment),
                "incarnation": done.incarnation,
                "timeline": done.timeline,
                "live_keys": done.live_keys,
            }
    click.echo(json.dumps(said) if as_json else _restored_text(said))
    sys.exit(OK)


def _environ_of(into: Path) -> Mapping[str, str]:
    return {**os.environ, "GRIDFAAS_HOME": str(into)}


def _refuse_own(home: Home, new: Home) -> None:
    if new.state == home.state:
        raise BackupFailure("restore into a new folder, not into this lab's own")


def _restored_text(said: dict[str, Any]) -> str:
    moment = said["moment"] or "the end of the archive"
    return "\n".join(
        (
            f"restored to {moment} in {said['home']}",
            f"  from backup {said['backup']['id']}, now on timeline {said['timeline']}",
            f"  the record begins incarnation {said['incarnation']}: zones take it anew",
            f"  {said['live_keys']} keys work; those revoked after the moment do again",
            f"  start it: GRIDFAAS_HOME={said['home']} gridfaas up",
            "  its WAL is not archived before `gridfaas backup --to` says where to",
        )
    )


def _print_drill(found: Drilled, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "equal": found.equal,
                    "moment": instant(found.moment),
                    "backup": described(found.base),
                    "blocks": found.blocks,
                    "restore_s": found.restore_s,
                    "tables": [
                        {
                            "table": table.table,
                            "rows": table.rows,
                            "equal": table.equal,
                            "differing": table.differing,
                        }
                        for table in found.tables
                    ],
                }
            )
        )
        return
    for table in found.tables:
        verdict = "equal" if table.equal else "DIFFERS"
        click.echo(f"{table.table:<44}{table.rows:>12,} {verdict}")
        for line in table.differing:
            click.echo(f"    {line}")
    verdict = "nothing differs" if found.equal else "the restored record DIFFERS"
    click.echo(
        f"{verdict}: {found.blocks:,} blocks as of {instant(found.moment)}, "
        f"restored in {found.restore_s:.1f} s from backup {found.base.id}"
    )
