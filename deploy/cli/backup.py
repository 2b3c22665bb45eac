"""`gridfaas backup`: copy the record to a folder or an S3 bucket, and keep its WAL there."""

import json
import os
import signal
from pathlib import Path
from threading import Event
from typing import Any

import click

from deploy.backup.address import is_remote, open_vault
from deploy.backup.cluster_backup import take_base_backup
from deploy.backup.failure import BackupFailure
from deploy.backup.following import follow
from deploy.backup.manifest import Covered, Manifest, backups_at, covered_at
from deploy.backup.plan_file import BackupPlan, plan_path, read_plan, save_plan
from deploy.backup.retention import drop_old
from deploy.backup.sealing import Sealer, read_key
from deploy.backup.source import Source, opened_source
from deploy.backup.target import instant
from deploy.backup.vault import Vault
from deploy.backup.wal_archive import ArchiverRuns, archiving, end_archiving, require_own
from deploy.lab.home import Home, find_home
from deploy.lab.topology import headquarters, lab_topology


@click.command()
@click.option("--to", "address", help="A folder, or s3://BUCKET/PREFIX; kept for later calls.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Encrypt with the key in this file (`openssl rand -hex 32`); kept for later calls.",
)
@click.option("--unencrypted", is_flag=True, help="Allow s3:// without a key.")
@click.option("--keep", type=click.IntRange(1), help="Base backups to keep.  [default: 7]")
@click.option("--follow", "following", is_flag=True, help="Stay, and archive WAL every 5 seconds.")
@click.option(
    "--every-hours", type=click.FloatRange(0.1), help="With an archiver: how often.  [default: 24]"
)
@click.option("--end", "ending", is_flag=True, help="Archive no more: forget address and slot.")
@click.option("--list", "listing", is_flag=True, help="Show what is there, and take nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def backup(
    *,
    address: str | None,
    key_file: Path | None,
    unencrypted: bool,
    keep: int | None,
    following: bool,
    every_hours: float | None,
    ending: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Back up the record: PostgreSQL of headquarters, and the keys and passwords it needs.

    Takes a base backup, of a running lab or of one that is down. The address is kept, and from the
    next `up` on (or with --follow) the WAL is archived there every 5 seconds and a base backup
    taken every day, so that `restore` reaches any moment. Old base backups go, and the WAL before
    the oldest one that is left. PostgreSQL keeps WAL for whoever archives, up to 8 GB: --end once
    nobody will.

    Everything is checksummed, and encrypted (AES-256-GCM) with a key: keep it elsewhere, without
    it nothing can be restored. Without a key, what is at the address is as secret as the lab's own
    state. An s3:// address takes AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and
    AWS_ENDPOINT_URL (for other servers than Amazon's) from the environment.

    Not in it: hot stores, uplink streams and queues, which are of their zones alone.

    \b
    Exit codes:
      0    it was taken
      1    it was not; one line says why
      2    wrong arguments
    """
    home, topology = find_home(environ=os.environ), lab_topology()
    if ending:
        with opened_source(home, topology, environ=os.environ) as source:
            end_archiving(source, home=home)
        plan_path(home).unlink(missing_ok=True)
        click.echo(json.dumps({"ended": True}) if as_json else "nothing is archived any more")
        return
    plan = _plan(home, address, key_file=key_file, keep=keep, every_hours=every_hours)
    if is_remote(plan.address) and plan.key_file is None and not unencrypted:
        raise click.UsageError(
            "what goes to s3:// holds keys and passwords: give --key-file, or --unencrypted"
        )
    sealer = Sealer(None if plan.key_file is None else read_key(Path(plan.key_file)))
    with open_vault(plan.address, environ=os.environ) as vault:
        if listing:
            _print_list(backups_at(vault), covered_at(vault), as_json)
            return
        with opened_source(home, topology, environ=os.environ) as source:
            hq = headquarters(topology).name
            require_own(vault, source)
            if following:
                save_plan(home, plan)
                click.echo(f"archiving to {vault.address}; Ctrl-C ends it", err=True)
                stop = _stop_at_signals()
                follow(source, vault, sealer, plan, home=home, headquarters=hq, stop=stop)
                return
            manifest = _take(source, vault, sealer, home=home, hq=hq)
            gone = drop_old(vault, keep=plan.keep)
            save_plan(home, plan)
        _print_taken(manifest, vault.address, gone, as_json)


def _take(source: Source, vault: Vault, sealer: Sealer, *, home: Home, hq: str) -> Manifest:
    """Take a base backup; unless somebody archives WAL, archive it up to now from there on."""
    try:
        with archiving(source, vault, sealer, home=home) as archive:
            archive.ship()
            manifest = take_base_backup(source, vault, sealer, home=home, headquarters=hq)
            archive.ship()
            return manifest
    except ArchiverRuns:
        return take_base_backup(source, vault, sealer, home=home, headquarters=hq)


def _stop_at_signals() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def kept_plan(home: Home, address: str | None, key_file: Path | None) -> BackupPlan:
    """The plan of `home` with what a call says in its place.

    Raises:
        BackupFailure: no address is known.
    """
    plan = read_plan(home)
    if address is not None and (plan is None or plan.address != _absolute(address)):
        # Another address: what was said of the one before does not count there.
        plan = BackupPlan(address=_absolute(address))
    if plan is None:
        raise BackupFailure("say where backups are: --to FOLDER or --to s3://BUCKET/PREFIX")
    key = plan.key_file if key_file is None else str(key_file.absolute())
    return BackupPlan(
        address=plan.address, key_file=key, keep=plan.keep, every_hours=plan.every_hours
    )


def _plan(
    home: Home,
    address: str | None,
    *,
    key_file: Path | None,
    keep: int | None,
    every_hours: float | None,
) -> BackupPlan:
    plan = kept_plan(home, address, key_file)
    return BackupPlan(
        address=plan.address,
        key_file=plan.key_file,
        keep=keep or plan.keep,
        every_hours=every_hours or plan.every_hours,
    )


def _absolute(address: str) -> str:
    return address if is_remote(address) else str(Path(address).expanduser().absolute())


def described(manifest: Manifest) -> dict[str, Any]:
    """A backup as JSON says it."""
    return {
        "id": manifest.id,
        "finished_at": instant(manifest.finished_at),
        "bytes": manifest.base.bytes,
        "encrypted": manifest.encrypted,
        "postgres": manifest.postgres,
    }


def _print_taken(manifest: Manifest, address: str, gone: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"backup": described(manifest), "address": address, "gone": gone}))
        return
    sealed = "encrypted" if manifest.encrypted else "NOT encrypted"
    click.echo(f"backup {manifest.id} at {address}: {manifest.base.bytes:,} bytes, {sealed}")
    if gone:
        click.echo(f"removed {len(gone)} older: {', '.join(gone)}")
    click.echo("WAL is archived from the next `gridfaas up` on, or now with --follow")


def _print_list(found: list[Manifest], covered: Covered | None, as_json: bool) -> None:
    until = None if covered is None else instant(covered.until)
    if as_json:
        said = {"backups": [described(manifest) for manifest in found], "covered_until": until}
        click.echo(json.dumps(said))
        return
    for manifest in found:
        sealed = "encrypted" if manifest.encrypted else "not encrypted"
        click.echo(f"{manifest.id}  {manifest.base.bytes:>15,} bytes  {sealed}")
    click.echo(f"WAL is archived up to {until}" if until else "no WAL is archived")
