"""`gridfaas usage`: what a tenant used in a month, what it costs, and the proof of it."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from deploy.cli.control_plane import EXIT_CODES, control_options, control_plane, show
from deploy.cli.exit_codes import NOT_PROVEN, NOT_RUNNING
from deploy.cli.other_prices import priced_by
from deploy.cli.usage_text import proof_text, usage_text
from deploy.lab.home import find_home
from deploy.lab.status_file import read_status
from storage.cold.engine import create_engine
from storage.platform.usage.month import InvalidMonth, Month
from storage.platform.usage.verification import Verdict, verify_month

# A batch of the ledger is read in a fraction of a second; the whole may take as long as it is.
BATCH_S = 60.0


@click.command(
    help=f"""Show what TENANT used in a month, by function, link and store, and its invoice.

    Months are in UTC. An open month is as far as the ledger has come: a call is in it a few
    seconds after its answer. With --close a month that is over is billed for good; what comes
    later of it is a correction in the next invoice.

    --verify adds the month up again from the ledger's own records, compares, and says which
    records it read. It needs the database: the running lab's, or $DATABASE_URL. --recount drops
    the sums of all tenants first, so that they are made again from the ledger.
    {EXIT_CODES.rstrip()}
      9  --verify found sums or a closed bill that the ledger does not bear out
"""
)
@click.argument("tenant")
@click.option("--month", help="As 2026-11; the present one if left out.")
@click.option("--csv", "as_csv", is_flag=True, help="Print it as CSV.")
@click.option("--verify", is_flag=True, help="Prove it against the ledger, record by record.")
@click.option("--close", is_flag=True, help="Bill a month that is over for good.")
@click.option(
    "--price-list",
    "price_list",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show what it would cost by the list in this file.",
)
@click.option("--recount", is_flag=True, help="Make the sums again first.")
@control_options
def usage(
    *,
    tenant: str,
    month: str | None,
    as_csv: bool,
    verify: bool,
    close: bool,
    price_list: Path | None,
    recount: bool,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    if as_csv and (as_json or verify or price_list):
        raise click.UsageError("--csv goes with none of --json, --verify and --price-list")
    try:
        wanted = Month.parse(month or f"{datetime.now(UTC):%Y-%m}")
    except InvalidMonth as error:
        raise click.UsageError(str(error)) from error
    platform = control_plane(url=url, key_file=key_file)
    if recount:
        platform.call("POST", "/v1/usage/recount")
    if close:
        platform.call("POST", "/v1/usage/close", {"tenant": tenant, "month": str(wanted)})
    path = f"/v1/usage?tenant={tenant}&month={wanted}"
    if as_csv:
        click.echo(platform.text(f"{path}&format=csv"), nl=False)
        return
    found = platform.call("GET", path)
    if price_list is not None:
        found["invoice"] = priced_by(price_list, found["invoice"])
    text = usage_text(found)
    if not verify:
        show(found, as_json=as_json, text=text)
        return
    verdict = asyncio.run(_verify(_database_url(), tenant=tenant, month=wanted))
    said = {"records": verdict.records, "differences": list(verdict.differences)}
    proof: dict[str, Any] = {"proven": verdict.proven, **said}
    show(found | {"proof": proof}, as_json=as_json, text=f"{text}\n\n{proof_text(proof)}")
    if not verdict.proven:
        sys.exit(NOT_PROVEN)


async def _verify(database_url: str, *, tenant: str, month: Month) -> Verdict:
    engine = create_engine(
        database_url,
        pool_size=1,
        application_name="gridfaas-usage",
        command_timeout_s=BATCH_S,
    )
    try:
        return await verify_month(engine, tenant=tenant, month=month)
    finally:
        await engine.dispose()


def _database_url() -> str:
    given = os.environ.get("DATABASE_URL")
    status = read_status(find_home(environ=os.environ))
    if status is not None:
        return status.database_url
    if given:
        return given
    click.echo("gridfaas: no lab is running here; set DATABASE_URL to verify", err=True)
    sys.exit(NOT_RUNNING)
