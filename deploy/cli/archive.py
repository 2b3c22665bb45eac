"""`gridfaas archive`: old months of a tenant's record into verified Parquet files, and back."""

import asyncio
import json
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.backup.source import opened_source
from deploy.cli.exit_codes import FAILED, NOT_PROVEN, OK
from deploy.lab.home import find_home
from deploy.lab.topology import lab_topology
from functions.cold_storage.retention import Planned, archive_before, erase_before, planned
from functions.cold_storage.settings import ColdStorageSettings, SettingsError, read_settings
from storage.cold.archive.catalogue import damage_of, erase, files_of
from storage.cold.archive.moving import (
    ArchiveRefused,
    opened_record,
    parts_before,
)
from storage.cold.archive.moving import (
    archive as archive_part,
)
from storage.cold.archive.parquet_file import ArchiveDamaged, ArchiveMissing
from storage.cold.archive.returning import put_back
from storage.cold.walls import tenant_role
from storage.model.runs import DAY_S
from storage.platform.slug import InvalidSlug

_SETTINGS = "SELECT settings FROM platform.tenants WHERE slug = $1"
_ALWAYS = 100_000


@click.command()
@click.argument("tenant")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the archive.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--verify", is_flag=True, help="Check every file of the archive by its SHA-256.")
@click.option(
    "--restore",
    "days",
    nargs=2,
    type=click.DateTime(["%Y-%m-%d"]),
    help="Put the days from one to another (both counted) back into the record.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def archive(
    *,
    tenant: str,
    folder: Path,
    dry_run: bool,
    verify: bool,
    days: tuple[Any, Any] | None,
    as_json: bool,
) -> None:
    """Apply TENANT's retention to its record at headquarters.

    Whole months whose last day is older than the tenant's cold_storage.archive_after_days leave the
    record for Parquet files (FOLDER/tenant=T/month=M/register=R/interval_s=I/METER.parquet, sorted
    by meter, zstd). A file is read back and compared with the blocks before they are dropped. Files
    older than cold_storage.erase_after_days are erased. Neither can be less than the legal minimum.

    It uses the running lab's database, or $DATABASE_URL, and needs arro3-io (the extra `archive`).

    \b
    Exit codes:
      0    done
      1    it was not; one line says why
      2    wrong arguments
      9    --verify found a file that is damaged or gone
    """
    with opened_source(find_home(environ=os.environ), lab_topology(), environ=os.environ) as source:
        try:
            said = asyncio.run(
                _run(
                    source.database_url,
                    tenant,
                    folder.expanduser().absolute(),
                    dry_run=dry_run,
                    verify=verify,
                    days=None if days is None else (_day(days[0]), _day(days[1])),
                )
            )
        except (
            *(ArchiveMissing, ArchiveRefused, ArchiveDamaged, SettingsError),
            *(InvalidSlug, LookupError, OSError),
        ) as error:
            click.echo(f"gridfaas: {error}", err=True)
            sys.exit(FAILED)
    click.echo(json.dumps(said) if as_json else _text(said))
    sys.exit(NOT_PROVEN if said.get("damaged") else OK)


async def _run(
    database_url: str,
    tenant: str,
    folder: Path,
    *,
    dry_run: bool,
    verify: bool,
    days: tuple[int, int] | None,
) -> dict[str, Any]:
    schema = tenant_role(tenant)
    async with opened_record(database_url, schema=schema) as connection:
        found = await connection.fetchrow(_SETTINGS, tenant)
        if found is None:
            raise LookupError(f"no tenant {tenant!r}")
        every = msgspec.json.decode(found["settings"] or b"{}", type=dict[str, dict[str, Any]])
        settings = read_settings(every.get("cold_storage", {}))
        if days is not None:
            count = await put_back(connection, root=folder, first=days[0], last=days[1])
            return {"restored_blocks": count}
        files = await files_of(connection)
        if verify:
            damage = {file.path: damage_of(file, root=folder) for file in files}
            bad = {path: why for path, why in damage.items() if why is not None}
            return {"verified_files": len(files) - len(bad), "damaged": bad}
        return await _retain(connection, settings, tenant, folder, dry_run=dry_run)


async def _retain(
    connection: Any, settings: ColdStorageSettings, tenant: str, folder: Path, *, dry_run: bool
) -> dict[str, Any]:
    today = int(time.time() // DAY_S)
    files = await files_of(connection)
    parts = await parts_before(connection, _ALWAYS)
    plan = planned(parts, files, settings, today=today)
    if dry_run:
        return {"plan": [msgspec.to_builtins(one) for one in plan]}
    leaving, erased = archive_before(settings, today), erase_before(settings, today)
    dropped = written = gone = 0
    for part in parts:
        if leaving is not None and part.days[1] < leaving:
            moved = await archive_part(connection, part, tenant=tenant, root=folder)
            dropped, written = dropped + moved.dropped, written + moved.file_bytes
    for file in files:
        if erased is not None and file.last_day < erased:
            await erase(connection, file, root=folder)
            gone += 1
    return {"archived_blocks": dropped, "archive_bytes": written, "erased_files": gone}


def _text(said: dict[str, Any]) -> str:
    if "plan" not in said:
        return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in said.items())
    rows = [msgspec.convert(one, Planned) for one in said["plan"]]
    lines = [
        f"{row.action:8} {row.month}  {row.register} {row.interval_s:>5} s"
        f" {row.readings:>12,} readings {row.size:>14,} bytes  {row.what}  ({row.reason})"
        for row in rows
    ]
    return "\n".join(lines) or "the record is empty"


def _day(at: Any) -> int:
    return (date(at.year, at.month, at.day) - date(1970, 1, 1)).days
