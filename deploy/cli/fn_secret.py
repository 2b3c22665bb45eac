"""`gridfaas fn secret`: what functions know and nobody reads back."""

import sys
from pathlib import Path

import click

from deploy.cli.control_plane import EXIT_CODES, show
from deploy.cli.fn_ways import find_ways, ways_options


@click.group()
def secret() -> None:
    """Set, list and remove secrets of a tenant's functions.

    A function names in function.yaml the secrets that it asks for, and finds them in
    `context.secrets`. It is not ready in a zone before all of them are set.
    """


@secret.command(
    "set",
    help=f"""Give the secret NAME a value, read from --file or standard input.

    A value on the command line would be seen by everybody on this machine. One newline at its end
    is left out. Workers that have the old value are replaced.
    {EXIT_CODES}""",
)
@click.argument("name")
@click.option(
    "--file",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the value is; standard input when left out.",
)
@ways_options
def set_secret(
    *,
    name: str,
    source: Path | None,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    if source is not None:
        value = source.read_text()
    elif sys.stdin.isatty():
        value = click.prompt(name, hide_input=True)
    else:
        value = sys.stdin.read()
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    ways.call("PUT", f"secrets/{name}", json={"value": value.removesuffix("\n")})
    show({"set": name}, as_json=as_json, text=f"secret {name} is set")


@secret.command("list", help=f"List the secrets' names, never their values.{EXIT_CODES}")
@ways_options
def list_secrets(
    *, tenant: str | None, url: str | None, key_file: Path | None, as_json: bool
) -> None:
    found = find_ways(tenant=tenant, url=url, key_file=key_file).call("GET", "secrets")
    lines = [f"{one['name']:<32} changed {one['changed_at'][:19]}Z" for one in found["secrets"]]
    show(found, as_json=as_json, text="\n".join(lines))


@secret.command(help=f"Forget a secret; functions that ask for it are not started.{EXIT_CODES}")
@click.argument("name")
@ways_options
def remove(
    *, name: str, tenant: str | None, url: str | None, key_file: Path | None, as_json: bool
) -> None:
    find_ways(tenant=tenant, url=url, key_file=key_file).call("DELETE", f"secrets/{name}")
    show({"removed": name}, as_json=as_json, text=f"secret {name} is removed")
