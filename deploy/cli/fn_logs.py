"""`gridfaas fn logs`: what a function wrote, line by line."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from deploy.cli.control_plane import EXIT_CODES
from deploy.cli.fn_ways import find_ways, refuse, ways_options


@click.command(
    help=f"""Print the last lines that a function wrote in a zone, and with -f the next ones.

    Each zone keeps the logs of its own workers, also of those that ended; --json prints a line as
    an object.
    {EXIT_CODES}"""
)
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--tail", type=click.IntRange(0, 10_000), default=100, show_default=True)
@click.option("--zone", help="The zone whose workers wrote them; headquarters when left out.")
@ways_options
def logs(
    *,
    name: str,
    follow: bool,
    tail: int,
    zone: str | None,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    query = urlencode({"tail": tail, "follow": str(follow).lower()})
    path = f"/v1/platform/functions/{name}/logs?{query}"
    with ways.stream(path, zone=ways.zone(zone)) as answer:
        if not answer.is_success:
            answer.read()
            refuse(answer)
        for line in answer.iter_lines():
            if line:
                click.echo(line if as_json else _text(json.loads(line)))


def _text(line: dict[str, Any]) -> str:
    level = f" {line['level']}" if line.get("level") else ""
    fields = "".join(f" {name}={value}" for name, value in line.get("fields", {}).items())
    return f"{line['at']} {line['instance']}{level} {line['text']}{fields}"
