"""`gridfaas tenant`: the distribution companies on the platform."""

from pathlib import Path

import click

from deploy.cli.control_plane import EXIT_CODES, control_options, control_plane, show


@click.group()
def tenant() -> None:
    """Record and list tenants, at headquarters."""


@tenant.command(
    help=f"""Record a tenant; the agents of its zones build its walls within seconds.

    SLUG is its name in keys, stores and URLs: a-z, 0-9 and -, beginning with a letter.
    {EXIT_CODES}"""
)
@click.argument("slug")
@click.option("--name", help="What people call it; the slug when left out.")
@click.option(
    "--zone",
    "zones",
    multiple=True,
    help="A zone that serves it, may be repeated; without one, every zone of the platform.",
)
@click.option(
    "--calls-per-s", type=click.FloatRange(0, min_open=True), help="Its limit in each zone."
)
@control_options
def create(
    *,
    slug: str,
    name: str | None,
    zones: tuple[str, ...],
    calls_per_s: float | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    platform = control_plane(url=url, key_file=key_file)
    serving = list(zones) or [zone["name"] for zone in platform.call("GET", "zones")["zones"]]
    made = platform.call(
        "POST",
        "tenants",
        {"slug": slug, "name": name or slug, "zones": serving, "calls_per_s": calls_per_s},
    )
    text = f"tenant {made['slug']} (number {made['number']}) in {', '.join(made['zones'])}"
    show(made, as_json=as_json, text=text)


@tenant.command("list", help=f"List the tenants and the zones that serve them.\n{EXIT_CODES}")
@control_options
def list_tenants(*, url: str | None, key_file: Path | None, as_json: bool) -> None:
    found = control_plane(url=url, key_file=key_file).call("GET", "tenants")
    lines = [
        f"{one['slug']:<24} {one['number']:>5}  {one['name']}  ({', '.join(one['zones'])})"
        for one in found["tenants"]
    ]
    show(found, as_json=as_json, text="\n".join(lines))
