"""`gridfaas link`: look at the emulated links of a lab, cut, mend and change their paths."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from deploy.cli.exit_codes import NOT_RUNNING
from deploy.lab.home import find_home
from deploy.lab.link_service import link_control
from zones.links.orders import OrderFailed, change_path, order

EXIT_CODES = """
    \b
    Exit codes:
      0  done
      1  no answer, or refused; one line says why
      2  wrong arguments
      3  no lab with links runs here, and no --control was given
"""
UNLIMITED = "none"

_Command = TypeVar("_Command", bound=Callable[..., Any])


class RateType(click.ParamType[Any]):
    """Mbit/s above zero, or `none` for no limit."""

    name = "mbps"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a float, or `none` as it is."""
        if value == UNLIMITED or isinstance(value, float):
            return value
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor {UNLIMITED}", param, ctx)


def link_options(command: _Command) -> _Command:
    """Add the options that every order has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        click.option(
            "--control",
            type=click.Path(path_type=Path),
            envvar="GRIDFAAS_LINK_CONTROL",
            help="Control socket of a process of links; without it, the running lab's.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def link() -> None:
    """Order the emulated links of a lab that `up --links` has started."""


@link.command(help=f"Show the links, their paths and what they carried.\n{EXIT_CODES}")
@link_options
def show(*, control: Path | None, as_json: bool) -> None:
    found = _given(lambda at: order(at, "GET", "/v1/links"), control)
    click.echo(json.dumps(found) if as_json else "\n".join(map(_text, found["links"])))


@link.command(help=f"Cut a path: what is on it is lost, another takes over.\n{EXIT_CODES}")
@click.argument("name", metavar="LINK")
@click.argument("path")
@link_options
def cut(*, name: str, path: str, control: Path | None, as_json: bool) -> None:
    _change(name, path, {"state": "failed"}, control=control, as_json=as_json)


@link.command(help=f"Let a path that was cut work again.\n{EXIT_CODES}")
@click.argument("name", metavar="LINK")
@click.argument("path")
@link_options
def mend(*, name: str, path: str, control: Path | None, as_json: bool) -> None:
    _change(name, path, {"state": "working"}, control=control, as_json=as_json)


@link.command("set", help=f"Give a path other figures until the lab ends.\n{EXIT_CODES}")
@click.argument("name", metavar="LINK")
@click.argument("path")
@click.option(
    "--direction",
    type=click.Choice(("up", "down", "both")),
    default="both",
    show_default=True,
    help="Up is towards headquarters.",
)
@click.option("--delay-ms", type=click.FloatRange(0), help="One way.")
@click.option("--jitter-ms", type=click.FloatRange(0), help="At most the delay.")
@click.option("--rate-mbps", type=RateType(), help="Mbit/s, or none for no limit.")
@click.option("--loss", type=click.FloatRange(0, 1, max_open=True), help="Share of packets.")
@link_options
def set_figures(
    *,
    name: str,
    path: str,
    direction: str,
    delay_ms: float | None,
    jitter_ms: float | None,
    rate_mbps: float | str | None,
    loss: float | None,
    control: Path | None,
    as_json: bool,
) -> None:
    given: dict[str, float | str | None] = {"delay_ms": delay_ms, "jitter_ms": jitter_ms}
    given |= {"rate_mbps": rate_mbps, "loss": loss}
    figures = {
        key: None if value == UNLIMITED else value
        for key, value in given.items()
        if value is not None
    }
    if not figures:
        raise click.UsageError("say which figure is to change, as --delay-ms 20")
    directions = ("up", "down") if direction == "both" else (direction,)
    _change(name, path, dict.fromkeys(directions, figures), control=control, as_json=as_json)


@link.command("break", help=f"Reset every connection over a link.\n{EXIT_CODES}")
@click.argument("name", metavar="LINK")
@link_options
def break_all(*, name: str, control: Path | None, as_json: bool) -> None:
    path = f"/v1/links/{quote(name)}/connections"
    found = _given(lambda at: order(at, "DELETE", path), control)
    click.echo(json.dumps(found) if as_json else f"{found['broken']} connections are broken")


def _change(name: str, path: str, change: Any, *, control: Path | None, as_json: bool) -> None:
    found = _given(lambda at: change_path(at, link=name, path=path, change=change), control)
    click.echo(json.dumps(found) if as_json else _text(found))


def _given(call: Callable[[Path], Any], control: Path | None) -> Any:
    """Return what the process of links answers; end the command when there is none."""
    at = control or link_control(find_home(environ=os.environ))
    if not at.exists():
        click.echo(
            "gridfaas: no lab with links runs here (`up --links fc-ec` starts one)", err=True
        )
        sys.exit(NOT_RUNNING)
    try:
        return call(at)
    except OrderFailed as error:
        raise click.ClickException(str(error)) from error


def _text(found: dict[str, Any]) -> str:
    used = found["path_in_use"]
    lines = [f"{found['link']}  over {used or 'no path'}, {found['open_connections']} connections"]
    for path in found["paths"]:
        lines.append(f"  {path['path']:<18} {path['state']}")
        lines += [f"    {direction:<5} {_line(path[direction])}" for direction in ("up", "down")]
    return "\n".join(lines)


def _line(line: dict[str, Any]) -> str:
    rate = "no limit" if line["rate_mbps"] is None else f"{line['rate_mbps']:g} Mbit/s"
    return (
        f"{line['delay_ms']:g} +- {line['jitter_ms']:g} ms, {rate}, loss {line['loss']:g}; "
        f"{line['bytes']:,} bytes carried, {line['lost_bytes']:,} of them lost"
    )
