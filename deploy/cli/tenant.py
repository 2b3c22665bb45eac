"""`gridfaas tenant`: the distribution companies on the platform."""

import json
from pathlib import Path
from typing import Any

import click

from deploy.cli.control_plane import EXIT_CODES, control_options, control_plane, show
from storage.platform.tenant_settings import known_settings


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


@tenant.command(
    "set",
    help=f"""Change settings of a tenant in the platform's services, as service.name=value.

    An empty value takes one back to what the platform has. Zones know it within seconds; the
    tenant's workers are replaced. Settings: {", ".join(known_settings())}.
    {EXIT_CODES}""",
)
@click.argument("slug")
@click.argument("settings", nargs=-1, required=True, metavar="SERVICE.NAME=VALUE...")
@control_options
def set_settings(
    *,
    slug: str,
    settings: tuple[str, ...],
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    change: dict[str, dict[str, Any]] = {}
    for setting in settings:
        place, equals, value = setting.partition("=")
        service, dot, name = place.partition(".")
        if not (equals and dot and name):
            raise click.UsageError(f"{setting!r} is not service.name=value")
        change.setdefault(service, {})[name] = _value(value)
    body = {"settings": change}
    changed = control_plane(url=url, key_file=key_file).call("PATCH", f"tenants/{slug}", body)
    lines = [
        f"{service}.{name} = {value}"
        for service, names in changed["settings"].items()
        for name, value in names.items()
    ]
    show(changed, as_json=as_json, text="\n".join(lines) or f"{slug} has no settings of its own")


def _value(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
