"""The gateways through which the `fn` commands reach a tenant's functions, and with which key."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import click
import httpx

from deploy.cli.control_plane import reason_of
from deploy.cli.exit_codes import NOT_RUNNING, REFUSED
from deploy.lab.home import find_home
from deploy.lab.keys_file import read_keys
from deploy.lab.lock import running_lab
from deploy.lab.status_file import LabStatus, read_status

TIMEOUT_S = 60.0
ALONE = "the gateway at --url"

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Gateways by zone, headquarters first; `asked_for` is the tenant that an administrator names.

    The key's text is in nobody's representation.
    """

    gateways: dict[str, str]
    key: "KeyText"
    asked_for: str | None

    @property
    def headquarters(self) -> str:
        """The zone whose gateway changes the record."""
        return next(iter(self.gateways))

    def zone(self, name: str | None) -> str:
        """Return the zone that an option names, headquarters for None; end the command else."""
        if name is None:
            return self.headquarters
        if name not in self.gateways:
            raise click.UsageError(f"known zones: {', '.join(self.gateways)}")
        return name

    def call(self, method: str, path: str, *, zone: str | None = None, **more: Any) -> Any:
        """Call the control plane; return its JSON, None for nothing; end the command if refused."""
        answer = self.ask(method, f"/v1/platform/{path}", zone=zone, **more)
        if not answer.is_success:
            refuse(answer)
        return answer.json() if answer.content else None

    def ask(
        self, method: str, path: str, *, zone: str | None = None, **more: Any
    ) -> httpx.Response:
        """Call a zone's gateway and return what it answers; end the command without an answer."""
        try:
            return httpx.request(
                method, self._url(path, zone), timeout=TIMEOUT_S, trust_env=False, **self._as(more)
            )
        except httpx.HTTPError as error:
            raise click.ClickException(f"{self._url('', zone)}: {_said(error)}") from error

    @contextmanager
    def stream(self, path: str, *, zone: str) -> Iterator[httpx.Response]:
        """Read an answer as it comes, for as long as it comes."""
        waiting = httpx.Timeout(TIMEOUT_S, read=None)
        try:
            with httpx.stream(
                "GET", self._url(path, zone), timeout=waiting, trust_env=False, **self._as({})
            ) as answer:
                yield answer
        except httpx.HTTPError as error:
            raise click.ClickException(f"{self._url('', zone)}: {_said(error)}") from error

    def _url(self, path: str, zone: str | None) -> str:
        whole = f"{self.gateways[zone or self.headquarters]}{path}"
        if self.asked_for is None or not path.startswith("/v1/platform/"):
            return whole
        return f"{whole}{'&' if '?' in path else '?'}{urlencode({'tenant': self.asked_for})}"

    def _as(self, more: dict[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.key.text}"} | more.pop("headers", {})
        return {**more, "headers": headers}


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key, kept out of tracebacks and logs."""

    text: str

    def __repr__(self) -> str:
        return "KeyText(...)"


def ways_options(command: _Command) -> _Command:
    """Add the options that say where the gateways are, who calls, and for which tenant."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        click.option(
            "--key-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with one API key; without it, a key that the running lab keeps.",
        ),
        click.option("--url", help="Headquarters' gateway; without it, the running lab's zones."),
        click.option(
            "--tenant",
            envvar="GRIDFAAS_TENANT",
            show_envvar=True,
            help="Whose functions; needed where the lab has several tenants.",
        ),
    ):
        command = option(command)
    return command


def find_ways(*, tenant: str | None, url: str | None, key_file: Path | None) -> Ways:
    """Return the gateways that the options name, else the running lab's."""
    home = find_home(environ=os.environ)
    status = None if url or running_lab(home.state) is None else read_status(home)
    if url is None and status is None:
        click.echo("gridfaas: no lab is running here; name one with --url", err=True)
        sys.exit(NOT_RUNNING)
    gateways = {ALONE: url.rstrip("/")} if url else _gateways(status)
    if key_file is not None:
        key = KeyText(key_file.read_text().strip())
        return Ways(gateways=gateways, key=key, asked_for=tenant)
    try:
        kept = read_keys(home.state / "keys.json")
    except FileNotFoundError:
        click.echo("gridfaas: no lab was ever up here; name a key with --key-file", err=True)
        sys.exit(NOT_RUNNING)
    if tenant is None:
        if len(kept.tenants) != 1:
            names = ", ".join(kept.tenants)
            raise click.UsageError(f"name one of the tenants with --tenant: {names}")
        tenant = next(iter(kept.tenants))
    if tenant in kept.tenants:
        return Ways(gateways=gateways, key=KeyText(kept.tenants[tenant]), asked_for=None)
    return Ways(gateways=gateways, key=KeyText(kept.admin), asked_for=tenant)


def refuse(answer: httpx.Response) -> None:
    """End the command with the reason of a refusal."""
    click.echo(f"gridfaas: refused: {reason_of(answer)}", err=True)
    sys.exit(REFUSED)


def _gateways(status: LabStatus | None) -> dict[str, str]:
    assert status is not None
    zones = sorted(status.topology.zones, key=lambda zone: (zone.tier, zone.name))
    return {zone.name: status.gateways[zone.name] for zone in zones}


def _said(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
