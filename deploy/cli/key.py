"""`gridfaas key`: API keys, made, listed, revoked, and those that the lab keeps."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from deploy.cli.control_plane import EXIT_CODES, control_options, control_plane, show
from deploy.cli.exit_codes import NOT_RUNNING
from deploy.lab.home import find_home
from deploy.lab.keys_file import read_keys

ROLES = (
    *("platform-admin", "operator", "tenant-admin", "tenant-service"),
    *("consumer", "meter", "zone"),
)


@click.group()
def key() -> None:
    """Make, list and revoke API keys, at headquarters."""


@key.command(
    help=f"""Make a key and print its text, which is shown this once.

    A tenant's key acts for that tenant alone. A connected zone knows the key within seconds.
    {EXIT_CODES}"""
)
@click.option("--role", type=click.Choice(ROLES), default="tenant-service", show_default=True)
@click.option("--tenant", help="The tenant that it acts for.")
@click.option("--zone", help="The zone, for the role zone.")
@click.option("--scope", "scopes", multiple=True, help="As mdms:read; without any, the role's.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="UTC day at which it ends.")
@click.option(
    "--calls-per-s", type=click.FloatRange(0, min_open=True), help="Its limit in each zone."
)
@control_options
def create(
    *,
    role: str,
    tenant: str | None,
    zone: str | None,
    scopes: tuple[str, ...],
    expires: datetime | None,
    calls_per_s: float | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    body: dict[str, Any] = {"role": role, "tenant": tenant, "zone": zone}
    body |= {"scopes": list(scopes) or None, "calls_per_s": calls_per_s}
    body["expires_at"] = expires and expires.replace(tzinfo=UTC).isoformat()
    made = control_plane(url=url, key_file=key_file).call("POST", "keys", body)
    show(made, as_json=as_json, text=f"{made['key']}\n(key {made['key_id']}, {role})")


@key.command("list", help=f"List the keys that are not revoked, never their texts.\n{EXIT_CODES}")
@control_options
def list_keys(*, url: str | None, key_file: Path | None, as_json: bool) -> None:
    found = control_plane(url=url, key_file=key_file).call("GET", "keys")
    lines = [
        f"{one['key_id']}  {one['role']:<15} {one['tenant'] or one['zone'] or '-':<24} "
        f"{' '.join(one['scopes'])}" + (f"  until {one['expires_at']}" if one["expires_at"] else "")
        for one in found["keys"]
    ]
    show(found, as_json=as_json, text="\n".join(lines))


@key.command(help=f"Revoke a key by its id; connected zones refuse it within 5 s.\n{EXIT_CODES}")
@click.argument("key_id")
@control_options
def revoke(*, key_id: str, url: str | None, key_file: Path | None, as_json: bool) -> None:
    control_plane(url=url, key_file=key_file).call("DELETE", f"keys/{key_id}")
    show({"revoked": key_id}, as_json=as_json, text=f"key {key_id} is revoked")


@key.command("show")
@click.argument("whose")
def show_key(*, whose: str) -> None:
    """Print a key that the lab keeps: a tenant's by its slug, or the one of `admin`.

    \b
    Exit codes:
      0  printed
      2  the lab has no such key
      3  no lab was ever up here
    """
    try:
        kept = read_keys(find_home(environ=os.environ).state / "keys.json")
    except FileNotFoundError:
        click.echo("gridfaas: no lab was ever up here", err=True)
        sys.exit(NOT_RUNNING)
    known = {"admin": kept.admin} | kept.tenants
    if whose not in known:
        raise click.UsageError(f"the lab keeps the keys of {', '.join(known)}")
    click.echo(known[whose])
